package storage

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// An export is a namespace, or a part of one, as of one moment:
//
//	"HOLDFAST-NS\x01" ‖ origin
//	for each object: 1 ‖ id ‖ record ‖ number of entries ‖ entries
//	0 ‖ number of objects ‖ SHA-256 of all before
//
// Texts and entries are length-prefixed; entries are as in history records.
const (
	exportMagic  = "HOLDFAST-NS\x01"
	exportObject = 1
	exportEnd    = 0

	exportPartBytesMax = 64 << 20 // a sane bound while reading
)

// ErrExport is a file that is no whole export.
var ErrExport = errors.New("not a whole export of a namespace")

// Image is the whole of an object: kv, SQL pages, alarm.
type Image struct{ s *state }

// Bytes is the size of the object's kv and SQL.
func (i *Image) Bytes() int64 { return i.s.meta.kvBytes + i.s.meta.sqlBytes() }

// Adopt makes the object what an image is, as a commit of its own. The turn
// must be clean.
func (o *Object) Adopt(i *Image, durable func(error)) (bool, error) {
	if err := o.usable(); err != nil {
		return false, err
	}
	if o.Dirty() {
		return false, errors.New("storage: import inside a turn")
	}
	return o.adopt(i.s, durable)
}

// Export writes the objects of a namespace as they are at one moment, while
// the host works, and answers how many they were.
func (e *Engine) Export(ctx context.Context, namespace string, w io.Writer) (objects int64, err error) {
	ns, ok := e.namespaces.find(namespace)
	if !ok {
		return 0, fmt.Errorf("storage: namespace %s: %w", namespace, store.ErrNotFound)
	}
	err = e.read(func() (err error) {
		snapshot := e.db.NewSnapshot()
		defer func() { err = errors.Join(err, snapshot.Close()) }()
		x := exporter{w: bufio.NewWriterSize(w, 1<<16), hash: sha256.New()}
		objects, err = x.run(ctx, e, snapshot, ns)
		return err
	})
	return objects, err
}

type exporter struct {
	w    *bufio.Writer
	hash hash.Hash
}

func (x *exporter) put(b []byte) error {
	_, _ = x.hash.Write(b) // never fails
	_, err := x.w.Write(b)
	return err
}

func (x *exporter) run(ctx context.Context, e *Engine, snapshot *pebble.Snapshot, ns *namespace) (objects int64, err error) {
	if err := x.put(appendBytes([]byte(exportMagic), []byte(ns.origin))); err != nil {
		return 0, err
	}
	it, err := snapshot.NewIter(&pebble.IterOptions{LowerBound: namePrefix(ns.number), UpperBound: successor(namePrefix(ns.number))})
	if err != nil {
		return 0, store.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return objects, err
		}
		id := store.ID(it.Key()[len(it.Key())-idBytes:])
		if err := x.object(e, snapshot, ns, id); err != nil {
			return objects, fmt.Errorf("export of %s/%s: %w", ns.name, id, err)
		}
		objects++
	}
	if err := it.Error(); err != nil {
		return objects, store.Errorf("export: %w", err)
	}
	if err := x.put(binary.BigEndian.AppendUint64([]byte{exportEnd}, uint64(objects))); err != nil {
		return objects, err
	}
	_, err = x.w.Write(x.hash.Sum(nil))
	return objects, errors.Join(err, x.w.Flush())
}

func (x *exporter) object(e *Engine, snapshot *pebble.Snapshot, ns *namespace, id store.ID) error {
	s, err := e.stateIn(snapshot, ns.number, id, "")
	if err != nil {
		return err
	}
	s.meta.restore = nil
	head := append([]byte{exportObject}, id[:]...)
	head = appendBytes(head, s.meta.append(nil))
	if err := x.put(binary.AppendUvarint(head, uint64(len(s.changes)))); err != nil {
		return err
	}
	var entry []byte
	for _, c := range s.changes {
		entry = appendBytes(append(entry[:0], c.kind), c.key)
		if err := x.put(appendBytes(entry, c.value)); err != nil {
			return err
		}
	}
	return nil
}

// ReadExport calls fn for every object of an export; origin is the name that
// ids of its namespace are made with. It fails with ErrExport where the file
// is damaged: what fn has been given before is then part of a damaged file.
func ReadExport(r io.Reader, fn func(origin string, ref store.Ref, image *Image) error) (objects int64, err error) {
	in := importer{r: bufio.NewReaderSize(r, 1<<16), hash: sha256.New()}
	origin, err := in.head()
	if err != nil {
		return 0, err
	}
	for {
		more, err := in.take(1)
		if err != nil {
			return objects, err
		}
		if more[0] == exportEnd {
			return objects, in.end(objects)
		}
		if more[0] != exportObject {
			return objects, fmt.Errorf("object %d: %w", objects, ErrExport)
		}
		ref, image, err := in.object()
		if err != nil {
			return objects, fmt.Errorf("object %d: %w", objects, err)
		}
		if err := fn(origin, ref, image); err != nil {
			return objects, err
		}
		objects++
	}
}

type importer struct {
	r    *bufio.Reader
	hash hash.Hash
}

func (in *importer) take(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(in.r, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrExport, err)
	}
	_, _ = in.hash.Write(b) // never fails
	return b, nil
}

func (in *importer) number() (uint64, error) {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := in.take(1)
		if err != nil {
			return 0, err
		}
		n |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return n, nil
		}
	}
	return 0, ErrExport
}

func (in *importer) part() ([]byte, error) {
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	if n > exportPartBytesMax {
		return nil, fmt.Errorf("a part of %d bytes: %w", n, ErrExport)
	}
	return in.take(int(n))
}

func (in *importer) head() (origin string, err error) {
	magic, err := in.take(len(exportMagic))
	if err != nil {
		return "", err
	}
	if string(magic) != exportMagic {
		return "", fmt.Errorf("it begins with %q: %w", magic, ErrExport)
	}
	b, err := in.part()
	return string(b), err
}

func (in *importer) object() (ref store.Ref, image *Image, err error) {
	id, err := in.take(idBytes)
	if err != nil {
		return ref, nil, err
	}
	record, err := in.part()
	if err != nil {
		return ref, nil, err
	}
	s := &state{whole: true}
	if s.meta, err = decodeMeta(record); err != nil {
		return ref, nil, errors.Join(ErrExport, err)
	}
	n, err := in.number()
	if err != nil {
		return ref, nil, err
	}
	kvBytes, bytes := int64(0), 0
	for range n {
		c, err := in.entry()
		if err != nil {
			return ref, nil, err
		}
		if bytes += len(c.key) + len(c.value); bytes > copyBytesMax {
			return ref, nil, fmt.Errorf("over %d MiB: %w", copyBytesMax>>20, store.ErrTooLarge)
		}
		if c.kind == kindKV {
			kvBytes += int64(len(c.key) + len(c.value))
		} else if len(c.key) != 4 || len(c.value) != int(s.meta.pageBytes) || binary.BigEndian.Uint32(c.key) > s.meta.pages {
			return ref, nil, fmt.Errorf("page %x: %w", c.key, ErrExport)
		}
		s.changes = append(s.changes, c)
	}
	if kvBytes != s.meta.kvBytes {
		return ref, nil, fmt.Errorf("kv holds %d bytes, the record says %d: %w", kvBytes, s.meta.kvBytes, ErrExport)
	}
	return store.Ref{ID: store.ID(id), Name: s.meta.name}, &Image{s}, nil
}

func (in *importer) entry() (c change, err error) {
	kind, err := in.take(1)
	if err != nil {
		return c, err
	}
	key, errKey := in.part()
	value, err := in.part()
	if err := errors.Join(errKey, err); err != nil {
		return c, err
	}
	if kind[0] != kindKV && kind[0] != kindPage {
		return c, fmt.Errorf("an entry of kind %q: %w", kind, ErrExport)
	}
	return change{kind[0], key, value, true}, nil
}

// end checks number and sum of the objects, and that nothing follows.
func (in *importer) end(objects int64) error {
	n, err := in.take(8)
	if err != nil {
		return err
	}
	want := in.hash.Sum(nil)
	sum := make([]byte, len(want))
	if _, err := io.ReadFull(in.r, sum); err != nil {
		return fmt.Errorf("%w: %w", ErrExport, err)
	}
	if _, err := in.r.ReadByte(); err != io.EOF {
		return fmt.Errorf("something follows its end: %w", ErrExport)
	}
	if string(sum) != string(want) || binary.BigEndian.Uint64(n) != uint64(objects) {
		return fmt.Errorf("wrong checksum: %w", ErrExport)
	}
	return nil
}
