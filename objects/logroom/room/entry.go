package room

import "github.com/holdfast-run/holdfast/guest-sdk/edge/rest"

// entry is one event to append, as a client gives it.
type entry struct {
	author, content, key string
}

// entryOf reads authorId (unless author is given), content and key.
func entryOf(f rest.Fields, author string) (e entry, err error) {
	if e.author = author; author == "" {
		if e.author, err = f.Text("authorId", AuthorBytesMax, false); err != nil {
			return e, err
		}
	}
	if e.content, err = f.Text("content", ContentBytesMax, false); err != nil {
		return e, err
	}
	e.key, err = f.Text("key", KeyBytesMax, true)
	return e, err
}
