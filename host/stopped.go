package host

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/holdfast-run/holdfast/host/d1"
	"github.com/holdfast-run/holdfast/host/d1/front"
	"github.com/holdfast-run/holdfast/host/storage"
)

// ErrNoData is a directory that is no host's.
var ErrNoData = errors.New("is no data directory")

// StoppedD1 is the D1 databases of a host that does not run.
type StoppedD1 struct {
	storage *storage.Engine
	d1      *d1.Host
	front   *front.Front
}

// OpenStoppedD1 opens the D1 databases in a data directory, which no host may
// have open (store.ErrLocked). How much history is kept stays as it was. Close
// must follow.
func OpenStoppedD1(dir string, log *slog.Logger) (s *StoppedD1, err error) {
	if err := isData(dir); err != nil {
		return nil, err
	}
	s = &StoppedD1{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.storage, err = storage.Open(storage.Config{Dir: dir, Logger: log}); err != nil {
		return s, err
	}
	if s.d1, err = d1.New(d1.Config{Engine: s.storage, Logger: log, Scratch: dir, HistoryAsStored: true}); err != nil {
		return s, err
	}
	s.front = front.New(front.Config{Host: s.d1})
	return s, nil
}

// isData reports a directory without a host's lock.
func isData(dir string) error {
	_, err := os.Stat(filepath.Join(dir, "LOCK"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %w: it has no file LOCK", dir, ErrNoData)
	}
	return err
}

// Transport asks the REST API of the databases, under any host's name.
func (s *StoppedD1) Transport() http.RoundTripper { return front.Transport{Front: s.front} }

// Close closes the directory. What was answered is durable in any case.
func (s *StoppedD1) Close() error {
	var errs []error
	if s.front != nil {
		errs = append(errs, s.front.Close())
	}
	if s.d1 != nil {
		errs = append(errs, s.d1.Close())
	}
	if s.storage != nil {
		errs = append(errs, s.storage.Close())
	}
	return errors.Join(errs...)
}
