package storage

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Places in the header of a SQLite file.
const (
	filePageBytesAt = 16
	fileVersionsAt  = 18 // of the format that writing and reading need; 2 is a write-ahead log
)

// ErrSQLFile is a file that is no whole SQLite database, or none that an
// object can hold.
var ErrSQLFile = errors.New("not a SQLite database that can be taken")

// WriteSQL writes the SQL database of an object, as it is or was at a
// bookmark, as a SQLite file. The object may be open and at work; what it has
// committed counts. An object without SQL writes nothing.
func (e *Engine) WriteSQL(ref store.Ref, mark string, w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 1<<16)
	if mark != "" {
		s, err := e.stateOf(ref, mark)
		if err == nil {
			err = s.writePages(buffered)
		}
		return errors.Join(err, buffered.Flush())
	}
	ns, ok := e.namespaces.find(ref.Namespace)
	if !ok {
		return store.ErrNotFound
	}
	err := e.read(func() (err error) {
		snapshot := e.db.NewSnapshot()
		defer func() { err = errors.Join(err, snapshot.Close()) }()
		return writePages(snapshot, ns.number, ref.ID, buffered)
	})
	return errors.Join(err, buffered.Flush())
}

func writePages(reader pebble.Reader, namespace uint32, id store.ID, w io.Writer) error {
	m, err := loadMeta(reader, namespace, id)
	if err != nil {
		return err
	}
	if !m.exists {
		return store.ErrNotFound
	}
	p := pageWriter{w: w, pageBytes: int(m.pageBytes), last: m.pages}
	err = eachData(reader, objectPrefix(namespace, id), func(kind byte, key, value []byte) bool {
		if kind == kindPage {
			p.put(binary.BigEndian.Uint32(key), value)
		}
		return p.err == nil
	})
	return errors.Join(err, p.end())
}

// writePages is for a whole state; the pages of one are in no order.
func (s *state) writePages(w io.Writer) error {
	pages := map[uint32][]byte{}
	for _, c := range s.changes {
		if c.kind == kindPage && len(c.key) == 4 {
			pages[binary.BigEndian.Uint32(c.key)] = c.value
		}
	}
	p := pageWriter{w: w, pageBytes: int(s.meta.pageBytes), last: s.meta.pages}
	for page := uint32(1); page <= s.meta.pages; page++ {
		if value, ok := pages[page]; ok {
			p.put(page, value)
		}
	}
	return p.end()
}

// pageWriter writes pages that come in order; one that is left out is empty.
type pageWriter struct {
	w         io.Writer
	pageBytes int
	last      uint32
	written   uint32
	err       error
}

func (p *pageWriter) put(page uint32, value []byte) {
	for p.err == nil && p.written+1 < page {
		p.write(make([]byte, p.pageBytes))
	}
	if p.err == nil && page <= p.last {
		p.write(value)
	}
}

func (p *pageWriter) write(value []byte) {
	_, p.err = p.w.Write(value)
	p.written++
}

func (p *pageWriter) end() error {
	for p.err == nil && p.written < p.last {
		p.write(make([]byte, p.pageBytes))
	}
	return p.err
}

// NewImage makes the whole of an object from a SQLite file, which must have
// pages of 1 KiB and no write-ahead log (VACUUM INTO makes such), and kv
// entries. An image of over 512 MiB is refused with store.ErrTooLarge.
func NewImage(file io.Reader, kv map[string][]byte) (*Image, error) {
	s := &state{whole: true}
	for key, value := range kv {
		s.meta.kvBytes += int64(len(key) + len(value))
		s.changes = append(s.changes, change{kindKV, []byte(key), value, true})
	}
	in := bufio.NewReaderSize(file, 1<<16)
	for {
		page := make([]byte, pageBytesNew)
		if _, err := io.ReadFull(in, page); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("page %d: %w: %w", s.meta.pages+1, ErrSQLFile, err)
		}
		s.meta.pages++
		if s.meta.pages == 1 {
			if err := s.header(page); err != nil {
				return nil, err
			}
		}
		s.changes = append(s.changes, change{kindPage, binary.BigEndian.AppendUint32(nil, s.meta.pages), page, true})
		if s.meta.kvBytes+int64(s.meta.pages)*pageBytesNew > copyBytesMax {
			return nil, fmt.Errorf("over %d MiB: %w", copyBytesMax>>20, store.ErrTooLarge)
		}
	}
	return &Image{s}, nil
}

func (s *state) header(page []byte) error {
	if string(page[:16]) != "SQLite format 3\x00" {
		return fmt.Errorf("it begins with %q: %w", page[:16], ErrSQLFile)
	}
	size := binary.BigEndian.Uint16(page[filePageBytesAt:])
	if size != pageBytesNew || page[fileVersionsAt] != 1 || page[fileVersionsAt+1] != 1 {
		return fmt.Errorf("pages of %d bytes, format %d: %w", size, page[fileVersionsAt], ErrSQLFile)
	}
	s.meta.pageBytes = pageBytesNew
	s.meta.freePages = binary.BigEndian.Uint32(page[freePagesAt:])
	return nil
}
