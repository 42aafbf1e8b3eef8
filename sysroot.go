package pagewalk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pagewalk/pagewalk/nt"
)

// Where Debian's package libwine has the DLLs of Wine and its code pages.
const (
	wineDLLs = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows"
	wineNLS  = "/usr/share/wine/nls"
)

// openSysroot opens the folders of a sysroot: "wine" is Debian's libwine; anything else is a folder, of the host, that holds
// ntdll.dll, or has it in System32 in any case, as a copy of C:\Windows has.
func openSysroot(name string) (*nt.Sysroot, error) {
	if name == "wine" {
		r, err := openFolders(wineDLLs, wineNLS)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the sysroot \"wine\" needs the DLLs of Debian's libwine in %s: apt-get install libwine", wineDLLs)
		}
		return r, err
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("the sysroot %q: %w", name, err)
	}
	for _, e := range entries {
		switch {
		case strings.EqualFold(e.Name(), "ntdll.dll"):
			return openFolders(name, "")
		case strings.EqualFold(e.Name(), "System32"):
			return openFolders(filepath.Join(name, e.Name()), "")
		}
	}
	return nil, fmt.Errorf("the sysroot %q has neither ntdll.dll nor a folder System32", name)
}

// openFolders opens the folder of DLLs and, where there is one, that of code pages.
func openFolders(dlls, nls string) (*nt.Sysroot, error) {
	system, err := os.OpenRoot(dlls)
	if err != nil {
		return nil, fmt.Errorf("the sysroot's DLLs: %w", err)
	}
	r := &nt.Sysroot{System: system}
	if nls != "" {
		if r.NLS, err = os.OpenRoot(nls); err != nil {
			return nil, errors.Join(fmt.Errorf("the sysroot's code pages: %w", err), system.Close())
		}
	}
	return r, nil
}
