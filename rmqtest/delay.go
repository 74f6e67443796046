package rmqtest

import (
	"container/heap"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// delayLevels are the delays of DELAY 1 to 18 before they are scaled.
var delayLevels = [scheduleQueues]time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute,
	6 * time.Minute, 7 * time.Minute, 8 * time.Minute, 9 * time.Minute, 10 * time.Minute,
	20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
}

// maxTimer is how far ahead a timed message may be, before it is scaled.
const maxTimer = 3 * 24 * time.Hour

// delayLevel is a message's DELAY, 0 where it has none; ok is false for what is no number.
func delayLevel(properties map[string]string) (level int, ok bool) {
	text, ok := properties[propertyDelay]
	if !ok {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return int(n), err == nil
}

// setAside turns a message with a delay into one of the topic where these wait.
func (b *Broker) setAside(m *stored) (delayed bool, r refusal, ok bool) {
	if t := m.SysFlag & remoting.FlagTransactionMask; t != 0 && t != remoting.FlagCommitted {
		return false, refusal{}, true
	}
	if level, _ := delayLevel(m.Properties); level > 0 {
		delete(m.Properties, propertyDeliverAt)
		delete(m.Properties, propertyDelaySeconds)
		delete(m.Properties, propertyDelayMillis)
		level = min(level, len(delayLevels))
		m.Properties[propertyDelay] = strconv.Itoa(level)
		b.moveAside(m, scheduleTopic, level-1)
		return true, refusal{}, true
	}
	if m.Topic == timerTopic || m.Properties[propertyTimerOut] != "" {
		return false, refusal{}, true
	}
	due, timed, ok := timerOf(m.Properties)
	switch {
	case !ok, time.Until(due) > maxTimer:
		return false, refusal{remoting.MessageIllegal, "timer message illegal, the delay time should not be bigger than the max delay 259200000ms; or if set del msg, the delay time should be bigger than the current time"}, false
	case !timed, time.Until(due) <= 0:
		return false, refusal{}, true
	}
	m.Properties[propertyTimerOut] = strconv.FormatInt(due.UnixMilli(), 10)
	b.moveAside(m, timerTopic, 0)
	return true, refusal{}, true
}

func (b *Broker) moveAside(m *stored, topic string, queue int) {
	m.Properties[propertyRealTopic] = m.Topic
	m.Properties[propertyRealQueue] = strconv.Itoa(m.QueueID)
	m.Topic, m.QueueID = topic, queue
}

// timerOf is when a timed message is due, not scaled; ok is false for what is no number.
func timerOf(properties map[string]string) (due time.Time, timed, ok bool) {
	for _, p := range [...]struct {
		name string
		unit time.Duration
	}{{propertyDelaySeconds, time.Second}, {propertyDelayMillis, time.Millisecond}, {propertyDeliverAt, time.Millisecond}} {
		text, found := properties[p.name]
		if !found {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, true, false
		}
		if p.name == propertyDeliverAt {
			return time.UnixMilli(n), true, true
		}
		return time.Now().Add(time.Duration(n) * p.unit), true, true
	}
	return time.Time{}, false, true
}

// delays delivers what was set aside when it is due.
type delays struct {
	broker *Broker

	mu      sync.Mutex
	waiting dueHeap
	timer   *time.Timer // nil while the broker is stopped
	running bool
	busy    sync.WaitGroup
}

type due struct {
	at      time.Time
	message *stored
}

// add delivers m after its delay, counted from when it was stored.
func (d *delays) add(m *stored) {
	d.mu.Lock()
	defer d.mu.Unlock()
	heap.Push(&d.waiting, due{d.dueAt(m), m})
	d.arm()
}

func (d *delays) dueAt(m *stored) time.Time {
	storedAt, delay := time.UnixMilli(m.StoreTimestamp), time.Duration(0)
	if m.Topic == scheduleTopic {
		delay = delayLevels[m.QueueID]
	} else if out, err := strconv.ParseInt(m.Properties[propertyTimerOut], 10, 64); err == nil {
		delay = time.UnixMilli(out).Sub(storedAt)
	}
	return storedAt.Add(d.broker.options.scaled(delay))
}

// arm sets the timer to the first that is due.
func (d *delays) arm() {
	if !d.running || len(d.waiting) == 0 {
		return
	}
	d.disarm()
	d.busy.Add(1)
	d.timer = time.AfterFunc(time.Until(d.waiting[0].at), func() {
		defer d.busy.Done()
		d.deliver()
	})
}

func (d *delays) disarm() {
	if d.timer != nil && d.timer.Stop() {
		d.busy.Done()
	}
	d.timer = nil
}

func (d *delays) deliver() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for d.running && len(d.waiting) > 0 && !d.waiting[0].at.After(now) {
		d.broker.deliverDelayed(heap.Pop(&d.waiting).(due).message)
	}
	d.arm()
}

func (d *delays) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = true
	d.arm()
}

func (d *delays) stop() {
	d.mu.Lock()
	d.running = false
	d.disarm()
	d.mu.Unlock()
	d.busy.Wait()
}

// recover finds out from the log what is still to be delivered; the broker must be stopped.
func (d *delays) recover() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = nil
	log := d.broker.store.all()
	delivered := map[*stored]bool{}
	for _, m := range log {
		if m.origin != nil {
			delivered[m.origin] = true
		}
	}
	for _, m := range log {
		if (m.Topic == scheduleTopic || m.Topic == timerTopic) && !delivered[m] {
			heap.Push(&d.waiting, due{d.dueAt(m), m})
		}
	}
}

// deliverDelayed stores the message that m was before it was set aside. It keeps the
// properties of its delay, as on a real broker, so that a copy of it is delayed again.
func (b *Broker) deliverDelayed(m *stored) {
	delivered := &stored{Message: m.Message, tagsCode: m.tagsCode, origin: m}
	delivered.Topic = m.Properties[propertyRealTopic]
	delivered.QueueID, _ = strconv.Atoi(m.Properties[propertyRealQueue])
	if m.Topic == timerTopic {
		delivered.Properties = maps.Clone(m.Properties)
		delivered.Properties[propertyTimerIn] = strconv.FormatInt(m.StoreTimestamp, 10)
		delivered.Properties[propertyTimerGone] = strconv.FormatInt(time.Now().UnixMilli(), 10)
	}
	b.store.append(delivered)
}

// dueHeap has the earliest first; what is due together comes in the order of the log.
type dueHeap []due

func (h dueHeap) Len() int      { return len(h) }
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h dueHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].message.CommitLogOffset < h[j].message.CommitLogOffset
	}
	return h[i].at.Before(h[j].at)
}
func (h *dueHeap) Push(x any) { *h = append(*h, x.(due)) }
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = due{}
	*h = (*h)[:last]
	return x
}
