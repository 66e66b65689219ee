package engine

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
)

// slowFile is a file in memory, whose writes and reads wait to be let through.
type slowFile struct {
	began chan access
	mu    sync.Mutex
	data  [64 * pageBytes]byte
}

// access is a write or read that has begun. It ends when pass is sent how.
type access struct {
	at   int64
	pass chan error
}

func (s *slowFile) enter(at int64) error {
	a := access{at, make(chan error)}
	s.began <- a
	return <-a.pass
}

func (s *slowFile) WriteAt(p []byte, at int64) (int, error) {
	if err := s.enter(at); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return copy(s.data[at:], p), nil
}

func (s *slowFile) ReadAt(p []byte, at int64) (int, error) {
	if err := s.enter(at); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return copy(p, s.data[at:]), nil
}

func (s *slowFile) Close() error { return nil }

// slowFreezer has room for nothing in memory.
func slowFreezer() (*Freezer, *slowFile) {
	file := &slowFile{began: make(chan access)}
	z := NewFreezer(FreezerConfig{RAMBytesMax: 1})
	z.open = func() (frozenFile, error) { return file, nil }
	return z, file
}

func frozenOf(b byte) *Frozen { return &Frozen{diff: bytes.Repeat([]byte{b}, pageBytes)} }

// keeping keeps f on a goroutine of its own, which is at its write when this
// returns.
func keeping(z *Freezer, file *slowFile, f *Frozen, pinned bool) (done chan struct{}, write access) {
	done = make(chan struct{})
	go func() {
		z.Keep(f, pinned)
		close(done)
	}()
	return done, <-file.began
}

// through ends a write and all that follow it with err, and counts them.
func through(file *slowFile, done chan struct{}, first access, err error) int {
	first.pass <- err
	for n := 1; ; n++ {
		select {
		case a := <-file.began:
			a.pass <- err
		case <-done:
			return n
		}
	}
}

func expectDiff(t *testing.T, f *Frozen, b byte) {
	t.Helper()
	if !bytes.Equal(f.diff, frozenOf(b).diff) {
		t.Fatalf("%d bytes came back, they are not the %d of %q", len(f.diff), pageBytes, b)
	}
}

func TestFreezer_NobodyWaitsForAWrite(t *testing.T) {
	z, file := slowFreezer()
	taken, dropped, stays := frozenOf('t'), frozenOf('d'), frozenOf('s')
	first, a := keeping(z, file, taken, true)
	second, b := keeping(z, file, dropped, false)
	third, c := keeping(z, file, stays, false)
	if err := z.Take(taken); err != nil { // while all three are written
		t.Fatal(err)
	}
	expectDiff(t, taken, 't')
	z.Drop(dropped)
	if s := z.Stats(); s.RAMBytes != stays.Bytes() || s.DiskBytes != 3*pageBytes {
		t.Fatalf("while it writes: %+v", s)
	}
	for _, w := range []access{a, b, c} {
		w.pass <- nil
	}
	<-first
	<-second
	<-third
	if s := z.Stats(); s.DiskBytes != pageBytes || s.Drops != 0 {
		t.Fatalf("one is left: %+v", s)
	}
	expectDiff(t, taken, 't')
	if err := z.Take(dropped); !errors.Is(err, ErrDropped) {
		t.Fatalf("the dropped one: %v", err)
	}

	read := make(chan error)
	go func() { read <- z.Take(stays) }()
	r := <-file.began
	if r.at != c.at {
		t.Fatalf("read from %d, it was written to %d", r.at, c.at)
	}
	other, w := keeping(z, file, frozenOf('o'), false) // while that is read
	if w.at == r.at {
		t.Fatal("a place was written while it was read")
	}
	through(file, other, w, nil)
	r.pass <- nil
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	expectDiff(t, stays, 's')
}

func TestFreezer_TakenAndKeptAgainWhileItIsWritten(t *testing.T) {
	z, file := slowFreezer()
	f := frozenOf('a')
	first, a := keeping(z, file, f, false)
	if err := z.Take(f); err != nil {
		t.Fatal(err)
	}
	f.diff = frozenOf('b').diff
	second, b := keeping(z, file, f, false)
	through(file, first, a, nil)
	through(file, second, b, nil)
	go func() { (<-file.began).pass <- nil }()
	if err := z.Take(f); err != nil {
		t.Fatal(err)
	}
	expectDiff(t, f, 'b')
	if s := z.Stats(); s != (FreezerStats{}) {
		t.Fatalf("after it was taken: %+v", s)
	}
}

func TestFreezer_AFailedWriteLosesNothingThatIsWaitedFor(t *testing.T) {
	z, file := slowFreezer()
	pinned, loose := frozenOf('p'), frozenOf('l')
	kept, w := keeping(z, file, pinned, true)
	if n := through(file, kept, w, io.ErrShortWrite); n != 1 {
		t.Fatalf("%d writes, want no second one behind a failure", n)
	}
	kept, w = keeping(z, file, loose, false)
	if n := through(file, kept, w, io.ErrShortWrite); n != 1 {
		t.Fatalf("%d writes, want no second one behind a failure", n)
	}
	if s := z.Stats(); s != (FreezerStats{RAMBytes: pinned.Bytes(), Drops: 1}) {
		t.Fatalf("%+v", s)
	}
	if err := z.Take(loose); !errors.Is(err, ErrDropped) {
		t.Fatalf("the loose one: %v", err)
	}
	expectDiff(t, pinned, 'p')
	kept, w = keeping(z, file, frozenOf('x'), false) // the disk is well again
	if n := through(file, kept, w, nil); n != 2 || z.Stats().DiskBytes != 2*pageBytes {
		t.Fatalf("%d writes, %+v, want the pinned one to go to disk too", n, z.Stats())
	}
}
