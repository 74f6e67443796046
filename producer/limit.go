package producer

// growAfter is how many batches in a row that used most of a lowered limit must be accepted
// before it is raised.
const growAfter = 64

// batchLimit is how large a batch may get: what the option says, or less after a broker
// refused one for its size. The broker may be given a larger limit, so this one finds its way
// back.
type batchLimit struct {
	bytes, most int
	inARow      int
}

func (l *batchLimit) refused(bytes int) {
	l.bytes = max(1, min(l.bytes, bytes/2))
	l.inARow = 0
}

func (l *batchLimit) accepted(bytes int) {
	if l.bytes == l.most || bytes < l.bytes/2 {
		return
	}
	if l.inARow++; l.inARow >= growAfter {
		l.bytes = min(l.bytes*2, l.most)
		l.inARow = 0
	}
}
