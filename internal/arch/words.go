package arch

import (
	"fmt"
	"regexp"
	"strings"
)

// machinePath is a directory of somebody's machine, or of a workshop beside
// the repository: nothing of it exists where the repository is read.
var machinePath = regexp.MustCompile(`(^|[^\w.\-/])(/(work|root|home|Users)/|shared/)\w`)

// unfinished are the words that put work off.
var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)

// WordsKept finds paths of a machine and work that is put off, in every text
// of the repository. The tables of this package name the words, so it alone
// is not read.
func WordsKept(t Tree) []Finding {
	var out []Finding
	for _, f := range t {
		if strings.HasPrefix(f.Path, "internal/arch/") || strings.HasSuffix(f.Path, "go.sum") {
			continue
		}
		for i, line := range strings.Split(f.Text, "\n") {
			if m := machinePath.FindString(line); m != "" {
				out = append(out, Finding{f.Path, i + 1, fmt.Sprintf("%q is a path of one machine", strings.TrimSpace(m))})
			}
			if m := unfinished.FindString(line); m != "" {
				out = append(out, Finding{f.Path, i + 1, m + " puts work off"})
			}
		}
	}
	return out
}
