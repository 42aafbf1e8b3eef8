package nt

// Wildcards of the file system (ntifs.h, "FsRtlIsNameInExpression") beside * and ?: DOS_STAR stops before a name's last dot, DOS_QM is a
// character or nothing before a dot and at the end, DOS_DOT a dot or the end.
const (
	dosStar = '<'
	dosQM   = '>'
	dosDot  = '"'
)

// maxExpression bounds a pattern, in characters: the time that a comparison takes is the product of both lengths.
const maxExpression = 1024

// inExpression reports whether a file name fits a pattern of the file system, without regard to case.
func inExpression(pattern, name string) bool {
	p, n := []rune(foldName(pattern)), []rune(foldName(name))
	last := -1
	for i, c := range n {
		if c == '.' {
			last = i
		}
	}
	// at has the places in the pattern that the name so far leads to.
	at, next := make([]bool, len(p)+1), make([]bool, len(p)+1)
	at[0] = true
	for i := 0; ; i++ {
		end := i == len(n)
		for j, c := range p {
			nothing := c == '*' || c == dosStar || c == dosQM && (end || n[i] == '.') || c == dosDot && end
			at[j+1] = at[j+1] || at[j] && nothing
		}
		if end {
			return at[len(p)]
		}
		clear(next)
		for j, c := range p {
			if !at[j] {
				continue
			}
			switch {
			case c == '*', c == dosStar && i != last:
				next[j] = true
			case c == dosStar, c == dosQM && n[i] == '.':
			case c == '?', c == dosQM, c == dosDot && n[i] == '.', c == n[i]:
				next[j+1] = true
			}
		}
		at, next = next, at
	}
}

// win32Pattern turns a pattern of FindFirstFile into the file system's: ? is DOS_QM, a dot before a wildcard DOS_DOT, a * before a dot
// DOS_STAR, and *.* is everything.
func win32Pattern(pattern string) string {
	if pattern == "" || pattern == "*.*" {
		return "*"
	}
	b := []byte(pattern)
	for i, c := range pattern {
		next := byte(0)
		if i+1 < len(pattern) {
			next = pattern[i+1]
		}
		switch {
		case c == '?':
			b[i] = dosQM
		case c == '.' && (next == '?' || next == '*'):
			b[i] = dosDot
		case c == '*' && next == '.':
			b[i] = dosStar
		}
	}
	return string(b)
}

// MatchName reports whether a file name fits a pattern of * and ? as FindFirstFile takes it.
func MatchName(pattern, name string) bool { return inExpression(win32Pattern(pattern), name) }
