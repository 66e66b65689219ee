package arch

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Readme is the file whose commands are checked.
const Readme = "README.md"

// commandWords are what a command line of the README may begin with.
var commandWords = []string{
	"go", "bash", "curl", "holdfast", "./holdfast", "cd", "git", "kill", "cat", "echo", "export", "npx", "wrangler", "websocat",
	"docker", "systemctl", "sha256sum", "openssl", "printf", ".ci/run", "make", "mkdir", "cp", "tar", "jq",
}

// assignment is a variable before a command.
var assignment = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*=\S*$`)

// ReadmeTrue checks the shell blocks of the README: each command begins with a
// known word, and files of the repository that it names exist.
func ReadmeTrue(t Tree) []Finding {
	exists := map[string]bool{".": true}
	var readme *File
	for _, f := range t {
		if f.Path == Readme {
			readme = f
		}
		for p := f.Path; p != "."; p = path.Dir(p) {
			exists[p] = true
		}
	}
	if readme == nil {
		return nil
	}
	var out []Finding
	for _, l := range shellLines(readme.Text) {
		for _, cmd := range splitCommands(l.text) {
			if why := commandFault(cmd, exists); why != "" {
				out = append(out, Finding{Readme, l.number, why})
			}
		}
	}
	return out
}

// shellLine is a command line of a block, continuations joined.
type shellLine struct {
	number int
	text   string
}

// shellLines are the lines of the ```sh blocks, without comments.
func shellLines(text string) []shellLine {
	var out []shellLine
	inside, joining := false, false
	for i, line := range strings.Split(text, "\n") {
		if fence := strings.TrimSpace(line); strings.HasPrefix(fence, "```") {
			inside, joining = !inside && (fence == "```sh" || fence == "```bash" || fence == "```shell"), false
			continue
		}
		if !inside {
			continue
		}
		line = uncommented(line)
		more := strings.HasSuffix(line, `\`)
		line = strings.TrimSuffix(line, `\`)
		switch {
		case joining:
			out[len(out)-1].text += " " + line
		case strings.TrimSpace(line) != "":
			out = append(out, shellLine{i + 1, line})
		}
		joining = more
	}
	return out
}

// uncommented cuts a comment off, and the blanks before it.
func uncommented(line string) string {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return ""
	}
	line, _, _ = strings.Cut(line, " #")
	return strings.TrimSpace(strings.TrimPrefix(line, "$ "))
}

var separators = regexp.MustCompile(`\s(&&|\|\||\||;|&)(\s|$)`)

// quoted is an argument in quotes: what it holds is no command and no path.
var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)

func splitCommands(line string) [][]string {
	var out [][]string
	for _, c := range separators.Split(quoted.ReplaceAllString(line, `''`), -1) {
		if words := strings.Fields(c); len(words) > 0 {
			out = append(out, words)
		}
	}
	return out
}

// commandFault says what is wrong with a command, or "".
func commandFault(words []string, exists map[string]bool) string {
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	if !slices.Contains(commandWords, words[0]) {
		return fmt.Sprintf("%q is no known command", words[0])
	}
	for _, w := range words[1:] {
		if name, ok := repositoryPath(w, exists); ok && !exists[name] {
			return fmt.Sprintf("%s does not exist", name)
		}
	}
	return ""
}

// repositoryPath is the file or directory of the repository that a word
// names: it begins with "./", or with a directory at the root.
func repositoryPath(word string, exists map[string]bool) (string, bool) {
	name, dotted := strings.CutPrefix(word, "./")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "..."), "/")
	if name == "" || strings.ContainsAny(name, "*<>$={}':") {
		return "", false
	}
	first, _, below := strings.Cut(name, "/")
	if !dotted && !(below && exists[first]) {
		return "", false
	}
	return path.Clean(name), name != "holdfast"
}
