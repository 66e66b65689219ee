package engage

// recent is the newest messages of a conversation, up to RecentMax, as its
// state shows them: JSON separated by commas, in one piece, so that a state
// takes one copy of them.
type recent struct {
	joined  []byte
	from    int   // what is before it in joined is shown no more
	lengths []int // of the messages from there on
}

// add takes the next message, which is copied.
func (r *recent) add(message []byte) {
	if len(r.lengths) > 0 {
		r.joined = append(r.joined, ',')
	}
	r.joined = append(r.joined, message...)
	r.lengths = append(r.lengths, len(message))
	if len(r.lengths) > RecentMax {
		r.from += r.lengths[0] + len(",")
		r.lengths = r.lengths[1:]
	}
	if r.from > len(r.joined)/2 {
		r.joined = append(r.joined[:0], r.joined[r.from:]...)
		r.from = 0
	}
}

// appendTo appends the messages with commas between them.
func (r *recent) appendTo(b []byte) []byte { return append(b, r.joined[r.from:]...) }
