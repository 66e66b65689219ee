package hostcall

import "github.com/holdfast-run/holdfast/guest-sdk/abi"

func wsAccept(c *Calls, req []byte) error {
	var m abi.AcceptRequest
	if err := m.Decode(req); err != nil {
		return err
	}
	return c.o.Accept(m.Socket, m.Tags, m.Hibernate)
}

func wsSend(c *Calls, req []byte) error {
	var m abi.SendRequest
	if err := m.Decode(req); err != nil {
		return err
	}
	return c.o.SendSocket(m.Socket, m.Binary, m.Data)
}

func wsClose(c *Calls, req []byte) error {
	var m abi.SocketCloseRequest
	if err := m.Decode(req); err != nil {
		return err
	}
	return c.o.CloseSocket(m.Socket, m.Code, m.Reason)
}

func wsAttachmentSet(c *Calls, req []byte) error {
	var m abi.AttachmentRequest
	if err := m.Decode(req); err != nil {
		return err
	}
	return c.o.SetAttachment(m.Socket, m.Data)
}

func wsAutoResponseSet(c *Calls, req []byte) error {
	var m abi.AutoResponse
	if err := m.Decode(req); err != nil {
		return err
	}
	return c.o.SetAutoResponse(m)
}

func wsEventTimeoutSet(c *Calls, req []byte) error {
	var m abi.Int
	if err := m.Decode(req); err != nil {
		return err
	}
	return c.o.SetSocketEventTimeout(m.Value)
}

func wsList(c *Calls, req []byte) ([]byte, error) {
	var m abi.SocketListRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	return c.encode(&abi.Sockets{Sockets: c.o.ListSockets(m.Tag, m.HasTag)}), nil
}

func wsTags(c *Calls, req []byte) ([]byte, error) {
	var m abi.SocketRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	tags, err := c.o.SocketTags(m.Socket)
	if err != nil {
		return nil, err
	}
	return c.encode(&abi.Strings{Items: tags}), nil
}

func wsAttachmentGet(c *Calls, req []byte) ([]byte, error) {
	var m abi.SocketRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	return c.o.Attachment(m.Socket)
}

func wsAutoResponseGet(c *Calls, _ []byte) ([]byte, error) {
	a := c.o.AutoResponse()
	return c.encode(&a), nil
}

func wsAutoResponseTime(c *Calls, req []byte) ([]byte, error) {
	var m abi.SocketRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	at, err := c.o.AutoResponseTime(m.Socket)
	if err != nil {
		return nil, err
	}
	return c.encode(&abi.Int{Value: at}), nil
}

func wsEventTimeoutGet(c *Calls, _ []byte) ([]byte, error) {
	return c.encode(&abi.Int{Value: c.o.SocketEventTimeout()}), nil
}

func broadcast(c *Calls, req []byte) ([]byte, error) {
	var m abi.BroadcastRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	n, err := c.o.Broadcast(m.Tag, m.HasTag, m.Except, m.Binary, m.Data)
	if err != nil {
		return nil, err
	}
	return c.encode(&abi.Count{Count: uint32(n)}), nil
}

// syncNamed is every function of shape Sync that is served.
var syncNamed = map[string]syncFunc{
	"kv_get":                kvGet,
	"kv_get_many":           kvGetMany,
	"kv_delete":             kvDelete,
	"kv_list":               kvList,
	"sql_exec":              sqlExec,
	"sql_next":              sqlNext,
	"sql_size":              sqlSize,
	"alarm_get":             alarmGet,
	"bookmark_current":      bookmarkCurrent,
	"bookmark_for_time":     bookmarkForTime,
	"bookmark_restore":      bookmarkRestore,
	"ws_list":               wsList,
	"ws_tags":               wsTags,
	"ws_attachment_get":     wsAttachmentGet,
	"ws_auto_response_get":  wsAutoResponseGet,
	"ws_auto_response_time": wsAutoResponseTime,
	"ws_event_timeout_get":  wsEventTimeoutGet,
	"broadcast":             broadcast,
	"id_from_name":          idFromName,
	"id_from_string":        idFromString,
	"id_unique":             idUnique,
}
