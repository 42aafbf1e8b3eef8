package winapi

import "strings"

// apiSets maps the prefix of an API set's name to the DLL that holds it on Windows 10. The last match counts.
var apiSets = []struct{ prefix, host string }{
	{"api-ms-win-core-", "kernel32.dll"},
	{"api-ms-win-core-rtlsupport-", "ntdll.dll"},
	{"api-ms-win-crt-", "ucrtbase.dll"},
}

// ResolveAPISet returns the DLL behind an API set's name, the name itself where it is none. The name is in lower case.
func ResolveAPISet(name string) string {
	host := name
	for _, s := range apiSets {
		if strings.HasPrefix(name, s.prefix) {
			host = s.host
		}
	}
	return host
}
