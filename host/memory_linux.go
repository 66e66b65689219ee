package host

import "golang.org/x/sys/unix"

// memoryBytes is the machine's memory; 0 if it cannot be told.
func memoryBytes() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}
