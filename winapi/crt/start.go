package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// MSVCRTStart returns the start-up functions that only msvcrt has.
func MSVCRTStart() []nt.UserFunc {
	return []nt.UserFunc{
		// The C locale has code page 0 and one byte a character.
		nt.Func("___lc_codepage_func", func(*nt.Thread, *noArgs) (uint64, error) { return 0, nil }),
		nt.Func("___mb_cur_max_func", func(*nt.Thread, *noArgs) (uint64, error) { return 1, nil }),
		bind(MSVCRT, "__getmainargs", getMainArgs),
		bind(MSVCRT, "__iob_func", func(s *state, _ *nt.Thread, _ *noArgs) (uint64, error) { return s.iob, nil }),
		bind(MSVCRT, "__set_app_type", setAppType),
		bind(MSVCRT, "_amsg_exit", runtimeError),
		// One thread takes and leaves the run-time's locks: there is nothing to wait for.
		nt.Func("_lock", func(*nt.Thread, *numberArgs) (uint64, error) { return 0, nil }),
		bind(MSVCRT, "_onexit", func(s *state, _ *nt.Thread, a *functionArgs) (uint64, error) {
			s.addOnExit(a.Function)
			return a.Function, nil
		}),
		nt.Func("_unlock", func(*nt.Thread, *numberArgs) (uint64, error) { return 0, nil }),
		bind(MSVCRT, "atexit", atExit),
	}
}

// UCRTStart returns the start-up functions that only the UCRT has.
func UCRTStart() []nt.UserFunc {
	variable := func(name string, of func(*variables) uint64) nt.UserFunc {
		return bind(UCRT, name, func(s *state, _ *nt.Thread, _ *noArgs) (uint64, error) { return of(&s.vars), nil })
	}
	return []nt.UserFunc{
		bind(UCRT, "__acrt_iob_func", func(s *state, _ *nt.Thread, a *numberArgs) (uint64, error) {
			return s.file(a.Number), nil
		}),
		variable("__daylight", func(v *variables) uint64 { return v.daylight }),
		variable("__p___argc", func(v *variables) uint64 { return v.argc }),
		variable("__p___argv", func(v *variables) uint64 { return v.argv }),
		variable("__p___wargv", func(v *variables) uint64 { return v.wargv }),
		variable("__p__acmdln", func(v *variables) uint64 { return v.acmdln }),
		variable("__p__commode", func(v *variables) uint64 { return v.commode }),
		variable("__p__environ", func(v *variables) uint64 { return v.environ }),
		variable("__p__fmode", func(v *variables) uint64 { return v.fmode }),
		variable("__p__wenviron", func(v *variables) uint64 { return v.wenviron }),
		variable("__timezone", func(v *variables) uint64 { return v.timezone }),
		variable("__tzname", func(v *variables) uint64 { return v.tzname }),
		bind(UCRT, "_configthreadlocale", configThreadLocale),
		bind(UCRT, "_configure_narrow_argv", configureNarrowArgv),
		bind(UCRT, "_configure_wide_argv", configureWideArgv),
		bind(UCRT, "_crt_at_quick_exit", func(s *state, _ *nt.Thread, a *functionArgs) (uint64, error) {
			s.quick = append(s.quick, a.Function)
			return 0, nil
		}),
		bind(UCRT, "_crt_atexit", atExit),
		bind(UCRT, "_get_initial_narrow_environment", func(s *state, _ *nt.Thread, _ *noArgs) (uint64, error) {
			return s.envp, nil
		}),
		bind(UCRT, "_initialize_narrow_environment", initializeNarrowEnvironment),
		bind(UCRT, "_initialize_wide_environment", initializeWideEnvironment),
		bind(UCRT, "_set_app_type", setAppType),
		bind(UCRT, "_set_invalid_parameter_handler", func(s *state, _ *nt.Thread, a *functionArgs) (uint64, error) {
			old := s.invalidParameter
			s.invalidParameter = a.Function
			return old, nil
		}),
		bind(UCRT, "_set_new_mode", func(s *state, _ *nt.Thread, a *numberArgs) (uint64, error) {
			old := s.newMode
			s.newMode = a.Number
			return uint64(old), nil
		}),
		bind(UCRT, "quick_exit", func(s *state, t *nt.Thread, a *exitArgs) (uint64, error) {
			if err := callAll(t, &s.quick); err != nil {
				return 0, err
			}
			return 0, s.end(t, a.Code)
		}),
	}
}

func atExit(s *state, _ *nt.Thread, a *functionArgs) (uint64, error) {
	s.addOnExit(a.Function)
	return 0, nil
}

func setAppType(s *state, _ *nt.Thread, a *numberArgs) (uint64, error) {
	s.appType = a.Number
	return 0, nil
}

// configThreadLocale says that threads share the locale, and refuses to give them their own: there is only the C locale.
func configThreadLocale(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	const query, enable, disable = 0, 1, 2
	switch a.Number {
	case query, disable:
		return disable, nil
	case enable:
		return 0, t.Stop("_configthreadlocale: a locale for each thread is not implemented")
	}
	return eof, s.setErrno(t, einval)
}

type mainArgs struct {
	Argc, Argv, Env uint64
	DoWildCard      uint32
	StartInfo       uint64
}

// getMainArgs is how msvcrt's start-up code gets main's arguments. DoWildCard is mingw's default of expanding * and ?: an
// argument without them stays itself, and no file can be found for one with them.
func getMainArgs(s *state, t *nt.Thread, a *mainArgs) (uint64, error) {
	for _, v := range []struct{ at, value uint64 }{
		{a.Argv, s.argv}, {a.Env, s.envp}, {s.vars.argv, s.argv}, {s.vars.environ, s.envp},
	} {
		if err := t.Store64(v.at, v.value); err != nil {
			return 0, err
		}
	}
	if err := t.Store32(s.vars.argc, s.argc); err != nil {
		return 0, err
	}
	return 0, t.Store32(a.Argc, s.argc)
}

// Modes of _configure_narrow_argv (vcruntime_startup.h).
const (
	argvNone       = 0
	argvUnexpanded = 1
)

// configureNarrowArgv fills __argc and __argv. Expanding wildcards needs a file system; mingw's start-up does not ask for it.
func configureNarrowArgv(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	switch a.Number {
	case argvNone:
		return 0, nil
	case argvUnexpanded:
	default:
		return 0, t.Stop("_configure_narrow_argv with wildcard expansion is not implemented")
	}
	if err := t.Store32(s.vars.argc, s.argc); err != nil {
		return 0, err
	}
	return 0, t.Store64(s.vars.argv, s.argv)
}

// configureWideArgv is configureNarrowArgv for __wargv.
func configureWideArgv(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	switch a.Number {
	case argvNone:
		return 0, nil
	case argvUnexpanded:
	default:
		return 0, t.Stop("_configure_wide_argv with wildcard expansion is not implemented")
	}
	args, err := arguments(t)
	if err != nil {
		return 0, err
	}
	wargv, err := vector(t, args, wide)
	if err != nil {
		return 0, err
	}
	if err := t.Store32(s.vars.argc, s.argc); err != nil {
		return 0, err
	}
	return 0, t.Store64(s.vars.wargv, wargv)
}

func initializeNarrowEnvironment(s *state, t *nt.Thread, _ *noArgs) (uint64, error) {
	return 0, t.Store64(s.vars.environ, s.envp)
}

func initializeWideEnvironment(s *state, t *nt.Thread, _ *noArgs) (uint64, error) {
	env, err := ntdll.ReadEnvironment(t, 0)
	if err != nil {
		return 0, err
	}
	wenv, err := vector(t, env, wide)
	if err != nil {
		return 0, err
	}
	return 0, t.Store64(s.vars.wenviron, wenv)
}
