package trace

import (
	"fmt"
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// arguments prints named values.
func arguments(names []string, values []uint64) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		name := "?"
		if i < len(names) {
			name = names[i]
		}
		fmt.Fprintf(&b, "%s: %#x", name, v)
	}
	return b.String()
}

// argument is one named value in JSON: an array keeps the order.
type argument struct {
	Name  string `json:"name"`
	Value hex    `json:"value"`
}

func argumentList(names []string, values []uint64) []argument {
	list := make([]argument, len(values))
	for i, v := range values {
		list[i] = argument{names[i], hex(v)}
	}
	return list
}

func (t *Tracer) service(th *nt.Thread, e *nt.ServiceEvent) {
	p := placeOf(th, "service")
	if t.format == Text {
		t.line(fmt.Sprintf("%v calls %s(%s) → %v", p, e.Name, arguments(e.Params, e.Args), e.Status))
		return
	}
	t.json(struct {
		place
		Name   string     `json:"name"`
		Args   []argument `json:"args"`
		Status string     `json:"status"`
	}{p, e.Name, argumentList(e.Params, e.Args), e.Status.String()})
}

func (t *Tracer) call(th *nt.Thread, e *nt.CallEvent) {
	p := placeOf(th, "call")
	if t.format == Text {
		t.line(fmt.Sprintf("%v(%s)", p, arguments(e.Params, e.Args)))
		return
	}
	t.json(struct {
		place
		Args []argument `json:"args"`
	}{p, argumentList(e.Params, e.Args)})
}

func (t *Tracer) ret(th *nt.Thread, e *nt.CallEvent) {
	p := placeOf(th, "return")
	p.Function = e.Function
	if t.format == Text {
		t.line(fmt.Sprintf("%v = %#x", p, e.Result))
		return
	}
	t.json(struct {
		place
		Result hex `json:"result"`
	}{p, hex(e.Result)})
}

func (t *Tracer) exception(th *nt.Thread, rec *ntdef.ExceptionRecord, firstChance bool) {
	p := placeOf(th, "exception")
	if t.format == Text {
		chance := "second chance"
		if firstChance {
			chance = "first chance"
		}
		t.line(fmt.Sprintf("%v raises %v, %s, parameters %#x", p, rec.Code, chance, rec.Parameters[:rec.NumParams]))
		return
	}
	params := []hex{}
	for _, v := range rec.Parameters[:rec.NumParams] {
		params = append(params, hex(v))
	}
	t.json(struct {
		place
		Code        string `json:"code"`
		Address     hex    `json:"address"`
		FirstChance bool   `json:"first_chance"`
		Parameters  []hex  `json:"parameters"`
	}{p, rec.Code.String(), hex(rec.Address), firstChance, params})
}

func (t *Tracer) module(th *nt.Thread, m *nt.Module) {
	p := placeOf(th, "module")
	if t.format == Text {
		t.line(fmt.Sprintf("%v maps %s at %#x-%#x", p, m.Path, m.Base, m.Base+m.Size-1))
		return
	}
	t.json(struct {
		place
		Name string `json:"name"`
		Path string `json:"path"`
		Base hex    `json:"base"`
		Size uint64 `json:"size"`
	}{p, m.Name, m.Path, hex(m.Base), m.Size})
}
