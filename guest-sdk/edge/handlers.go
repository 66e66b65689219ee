package edge

import (
	"errors"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func (in *instance) alarm(m *abi.AlarmEvent) {
	a, ok := in.object.(Alarmer)
	if !ok {
		in.done(m.Event, nil, badArg("class %s has no alarm handler", in.class.name))
		return
	}
	err := a.Alarm(AlarmInfo{Scheduled: time.UnixMilli(m.ScheduledMs), RetryCount: int(m.RetryCount), IsRetry: m.IsRetry})
	in.done(m.Event, nil, err)
}

func (in *instance) scheduled(m *abi.ScheduledEvent) {
	if in.class.worker.Scheduled == nil {
		in.done(m.Event, nil, badArg("the worker has no scheduled handler"))
		return
	}
	in.done(m.Event, nil, in.class.worker.Scheduled(Scheduled{Cron: m.Cron, Time: time.UnixMilli(m.ScheduledMs)}, &in.env))
}

func (in *instance) socketOpen(m *abi.SocketOpenEvent) {
	var err error
	if h, ok := in.object.(OpenHandler); ok {
		err = h.WebSocketOpen(&WebSocket{in: in, handle: m.Socket})
	}
	in.done(m.Event, nil, err)
}

func (in *instance) socketMessage(m *abi.SocketMessageEvent) {
	var err error
	if h, ok := in.object.(MessageHandler); ok {
		err = h.WebSocketMessage(&WebSocket{in: in, handle: m.Socket}, Message{Binary: m.Binary, Data: m.Data})
	}
	in.done(m.Event, nil, err)
}

func (in *instance) socketClose(m *abi.SocketCloseEvent) {
	var err error
	if h, ok := in.object.(CloseHandler); ok {
		err = h.WebSocketClose(&WebSocket{in: in, handle: m.Socket}, int(m.Code), m.Reason, m.WasClean)
	}
	in.done(m.Event, nil, err)
}

func (in *instance) socketError(m *abi.SocketErrorEvent) {
	var err error
	if h, ok := in.object.(ErrorHandler); ok {
		err = h.WebSocketError(&WebSocket{in: in, handle: m.Socket}, errors.New(m.Message))
	}
	in.done(m.Event, nil, err)
}
