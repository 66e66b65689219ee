package admin_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host/admin"
)

// TestTimeouts_AnswerARequestAndNoIdleConnection: a client that is slow with
// its request is told; one that is silent between two, or from the start, sees
// its connection close and nothing else.
func TestTimeouts_AnswerARequestAndNoIdleConnection(t *testing.T) {
	base := serveWith(t, &fake{}, admin.Config{ReadTimeout: 30 * time.Millisecond, IdleTimeout: 30 * time.Millisecond})
	const whole = "GET /_holdfast/api/clock HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, c := range map[string]struct {
		sent   string
		status []int
	}{
		"silent from the start":      {"", nil},
		"silent after a request":     {whole, []int{200}},
		"in the headers":             {"GET / HTTP/1.1\r\nHost:", []int{408}},
		"in the headers of a second": {whole + "GET / HTTP/1.1\r\nHost:", []int{200, 408}},
		"in a body":                  {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx", []int{408}},
		"no HTTP":                    {"hello\r\n\r\n", []int{400}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			for _, want := range c.status {
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != want {
					t.Errorf("status %d, want %d: %v", resp.StatusCode, want, err)
				}
			}
			if rest, err := io.ReadAll(r); len(rest) != 0 || err != nil {
				t.Errorf("then came %q, %v; want the end", rest, err)
			}
		})
	}
}
