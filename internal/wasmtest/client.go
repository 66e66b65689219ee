package wasmtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// Answer is what a request got.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON is the body, decoded.
func (a Answer) JSON(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.Body, &m); err != nil {
		t.Fatalf("answer %d is no JSON object: %v: %.300s", a.Status, err, a.Body)
	}
	return m
}

// Code is the error's code, or "".
func (a Answer) Code() string {
	var m struct{ Error struct{ Code string } }
	_ = json.Unmarshal(a.Body, &m) // no JSON: no code
	return m.Error.Code
}

var client = &http.Client{
	Timeout:       60 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
}

// Do sends a request; body is sent as it is if it is text or bytes, else as
// JSON. token, if not empty, goes as a bearer.
func Do(t testing.TB, method, url, token string, body any) Answer {
	t.Helper()
	a, err := Try(method, url, token, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

// Try is Do without a test: a request may fail.
func Try(method, url, token string, body any) (Answer, error) {
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = bytes.NewReader([]byte(b))
	case []byte:
		in = bytes.NewReader(b)
	default:
		enc, err := json.Marshal(b)
		if err != nil {
			return Answer{}, err
		}
		in = bytes.NewReader(enc)
	}
	req, err := http.NewRequest(method, url, in)
	if err != nil {
		return Answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, b}, err
}

// Socket is a WebSocket client.
type Socket struct {
	*websocket.Conn
	t testing.TB
}

// readMax bounds the wait for one frame.
const readMax = 20 * time.Second

// Dial opens a WebSocket; url begins with http.
func Dial(t testing.TB, url string, header http.Header, protocols ...string) *Socket {
	t.Helper()
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: readMax}
	c, resp, err := d.Dial("ws"+url[len("http"):], header)
	if err != nil {
		status := 0
		if resp != nil {
			status = resp.StatusCode
		}
		t.Fatalf("dial %s: %v (status %d)", url, err, status)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &Socket{c, t}
}

// Frame reads the next text frame as JSON.
func (s *Socket) Frame() map[string]any {
	s.t.Helper()
	b := s.Text()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		s.t.Fatalf("frame is no JSON object: %.300s", b)
	}
	return m
}

// Text reads the next message.
func (s *Socket) Text() []byte {
	s.t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(readMax)) // fails only on a closed connection, as the read then does
	_, b, err := s.ReadMessage()
	if err != nil {
		s.t.Fatalf("read frame: %v", err)
	}
	return b
}

// Closed reads until the close frame and answers its code.
func (s *Socket) Closed() int {
	s.t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(readMax)) // as above
	for {
		if _, _, err := s.ReadMessage(); err != nil {
			if e, ok := err.(*websocket.CloseError); ok {
				return e.Code
			}
			s.t.Fatalf("read close: %v", err)
		}
	}
}

// Write sends a text frame: text as it is, anything else as JSON.
func (s *Socket) Write(v any) {
	s.t.Helper()
	b, ok := v.(string)
	if !ok {
		enc, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		b = string(enc)
	}
	if err := s.WriteMessage(websocket.TextMessage, []byte(b)); err != nil {
		s.t.Fatalf("write frame: %v", err)
	}
}

// Eventually asks ok again and again until it is true or a minute is over.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("it never came true that %s", what)
}
