// Package bench holds the benchmarks that the README names. Each states its figure through testing.B: ns/op, allocs/op
// and, for whole programs, instructions a second. Read them through benchstat; a single run on a shared machine is noise.
package bench
