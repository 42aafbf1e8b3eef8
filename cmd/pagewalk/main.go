// Command pagewalk runs x86-64 Windows programs on a machine that shows what memory really does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// exitFailure is the exit code of failures that are ours and not the guest's.
const exitFailure = 125

// commandLine is the whole grammar; kong reads it.
type commandLine struct {
	Run     runCmd     `cmd:"" help:"Run a PE64 program; its output and exit code (modulo 256) become ours."`
	Boot    bootCmd    `cmd:"" help:"Run a bare-metal kernel: multiboot 1, 64-bit ELF or flat; serial is stdin and stdout."`
	Info    infoCmd    `cmd:"" help:"Show headers, sections and imports, and which of them the built-in DLLs provide."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// stdio is what the process is connected to.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// exitCode carries a guest's exit code through the command's error result.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run parses the arguments, runs the command and returns the exit code. Every failure of ours is one line on stderr.
func run(ctx context.Context, args []string, std stdio) int {
	var cli commandLine
	exited := -1
	parser, err := kong.New(&cli,
		kong.Name("pagewalk"),
		kong.Description("An x86-64 machine built to show what memory really does."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
	)
	if err != nil {
		return fail(std, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if exited >= 0 { // --help was asked for and printed
		return exited
	}
	if err != nil {
		return fail(std, fmt.Errorf("%w (see pagewalk --help)", err))
	}
	var code exitCode
	switch err := kctx.Run(); {
	case errors.As(err, &code):
		return int(code)
	case err != nil:
		return fail(std, err)
	}
	return 0
}

// fail prints one line and returns the exit code of our own failures.
func fail(std stdio, err error) int {
	fmt.Fprintf(std.err, "pagewalk: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
	return exitFailure
}
