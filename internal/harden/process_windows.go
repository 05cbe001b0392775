package harden

import "golang.org/x/sys/windows"

// Process has libraries loaded from the system's directory only, never from the
// one we stand in. Windows has no counterpart to the rest: another program of
// the same user may open this one. The runtime of Go has already told it to
// make no crash report. See
// https://learn.microsoft.com/windows/win32/api/libloaderapi/nf-libloaderapi-setdefaultdlldirectories.
func Process() { _ = windows.SetDefaultDllDirectories(windows.LOAD_LIBRARY_SEARCH_SYSTEM32) }
