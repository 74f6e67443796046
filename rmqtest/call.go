package rmqtest

import (
	"time"

	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// refusal is an answer that does what was asked in no part.
type refusal struct {
	code   int
	remark string
}

// call is one request on its way through a server. It is answered once, or never.
type call struct {
	*session
	request *remoting.Command
	plan    fault.Plan // what a scripted fault has in mind for it
}

// scripted carries out what the script says about the call. It may take as long as that says.
func (c *call) scripted() {
	request := fault.NewRequest(c.request, c.server.broker, c.conn.RemoteAddr())
	c.plan = fault.PlanOf(c.server.script.Decide(request))
	switch {
	case !c.wait(c.plan.Delay):
	case c.plan.Refuse:
		c.answer(c.response(remoting.Success, ""))
	default:
		c.handle()
	}
}

// wait is false if the connection ended in the meantime.
func (c *call) wait(d time.Duration) bool {
	if d <= 0 {
		return c.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

func (c *call) handle() {
	if c.server.admit != nil {
		if r, ok := c.server.admit(c); !ok {
			c.refuse(r)
			return
		}
	}
	c.server.handle(c)
}

// later goes on with the call off the goroutine that reads the connection.
func (c *call) later(f func()) { c.life.tasks.Go(f) }

func (c *call) response(code int, remark string) *remoting.Command {
	response := c.request.NewResponse(code, remark)
	response.Version = brokerVersionNumber
	return response
}

// ok answers SUCCESS with the fields of header, which may be nil.
func (c *call) ok(header any) { c.okBody(header, nil) }

// okBody answers SUCCESS with header and body, which may be nil.
func (c *call) okBody(header any, body []byte) {
	response := c.response(remoting.Success, "")
	if header != nil {
		response.Ext = remoting.EncodeHeader(header)
	}
	response.Body = body
	c.answer(response)
}

func (c *call) refuse(r refusal) { c.answer(c.response(r.code, r.remark)) }

func (c *call) fail(code int, remark string) { c.refuse(refusal{code, remark}) }

// decode reads the request's fields; what it cannot read it has refused, and returns false.
func (c *call) decode(header any) bool {
	if err := remoting.DecodeHeader(c.request.Ext, header); err != nil {
		c.fail(remoting.SystemError, err.Error())
		return false
	}
	return true
}

// answer ends the call with the response, or as the script has it.
func (c *call) answer(response *remoting.Command) {
	if c.plan.AnswerDelay > 0 {
		// The call may be on the reading goroutine of a pull that waits.
		c.later(func() {
			if c.wait(c.plan.AnswerDelay) {
				c.conclude(response)
			}
		})
		return
	}
	c.conclude(response)
}

func (c *call) conclude(response *remoting.Command) {
	switch c.plan.End {
	case fault.Silence:
		return
	case fault.Cut:
		c.session.close(true)
		return
	case fault.Substitute:
		response.Code, response.Remark = c.plan.Code, c.plan.Remark
	}
	if !c.request.IsOneWay() {
		c.write(response)
	}
}
