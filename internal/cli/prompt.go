package cli

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// promptLineBytesMax bounds a line that a person types or pastes.
const promptLineBytesMax = 8 << 20

// prompt runs what a person types: statements end with a semicolon, each is a
// transaction of its own, and one that fails says why. It ends with .quit or at
// the end of the input.
func (d *d1Call) prompt(name string) error {
	if err := d.rest(http.MethodGet, "/"+url.PathEscape(name), nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(d.err, "Statements end with ; and are transactions of their own. .quit ends.")
	lines := bufio.NewScanner(d.in)
	lines.Buffer(nil, promptLineBytesMax)
	text := ""
	for d.ask(name, text); lines.Scan(); d.ask(name, text) {
		line := lines.Text()
		if word := strings.TrimSpace(line); text == "" && (word == ".quit" || word == ".exit") {
			return nil
		}
		text = d.finish(name, text+line+"\n")
	}
	fmt.Fprintln(d.err)
	if text != "" {
		return fmt.Errorf("the last statement has no semicolon, and was not run: %s", strings.TrimSpace(text))
	}
	return lines.Err()
}

// ask shows that a statement is expected, or the rest of one.
func (d *d1Call) ask(name, text string) {
	if text == "" {
		fmt.Fprintf(d.err, "%s> ", name)
		return
	}
	fmt.Fprintf(d.err, "%*s> ", len(name), "...")
}

// finish runs the statements of text that are whole, and answers the rest.
func (d *d1Call) finish(name, text string) string {
	const mark = "\x00" // what the last statement ends before
	for {
		statement, rest := sqltext.First(text + mark)
		if rest == "" {
			if sqltext.Blank(text) {
				return ""
			}
			return text
		}
		if !sqltext.Blank(statement) {
			if err := d.show(name, statement); err != nil {
				fmt.Fprintln(d.err, oneLine(err))
			}
		}
		text = strings.TrimSuffix(rest, mark)
	}
}
