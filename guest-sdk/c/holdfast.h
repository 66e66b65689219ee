/*
 * holdfast.h: what a Holdfast guest in C needs, with no other library.
 *
 * A guest includes this file in one or several C files, defines
 * hf_on_register and the handlers that it has, and is built with
 *
 *     clang --target=wasm32 -nostdlib -O2 -Wl,--no-entry -o guest.wasm guest.c
 *
 * The exports of the boundary stand at the end. Where HF_OWN_EXPORTS is
 * defined they are left out, for a guest that decodes events itself. README.md
 * says how handlers behave, guest-sdk/abi/ABI.md has every message.
 *
 * Memory: an event's bytes stand in a buffer that is valid until the handler
 * returns. What a call sends is copied by the host before it returns.
 */
#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_IMPORT(name) __attribute__((import_module(HF_MODULE), import_name(#name))) extern
#define HF_EXPORT(name) __attribute__((export_name(#name), weak))
#define HF_WEAK __attribute__((weak))

/* Begin of what internal/abigen writes from guest-sdk/abi. DO NOT EDIT. */

#define HF_MODULE "holdfast_v1"

/* Statuses: how a host call or an event ended. */
enum {
	HF_STATUS_OK = 0,
	HF_STATUS_NOT_FOUND = 1,
	HF_STATUS_INVALID = 2,
	HF_STATUS_TOO_LARGE = 3,
	HF_STATUS_UNSUPPORTED = 4,
	HF_STATUS_OVERLOADED = 5,
	HF_STATUS_RESET = 6,
	HF_STATUS_CALL_CYCLE = 7,
	HF_STATUS_TIMEOUT = 8,
	HF_STATUS_CANCELLED = 9,
	HF_STATUS_DENIED = 10,
	HF_STATUS_SQL_FAILED = 11,
	HF_STATUS_D1_FAILED = 12,
	HF_STATUS_UNAVAILABLE = 13,
	HF_STATUS_GUEST_FAILED = 14,
	HF_STATUS_INTERNAL = 15,
	HF_STATUS_WRONG_PHASE = 16,
	HF_STATUS_STORAGE_FAULT = 17,
};

/* Kinds of events, and the message of each. */
enum {
	HF_EVENT_CONSTRUCT = 1, /* ConstructEvent */
	HF_EVENT_FETCH = 2, /* FetchEvent */
	HF_EVENT_CANCELLED = 3, /* CancelledEvent */
	HF_EVENT_CALL = 4, /* CallEvent */
	HF_EVENT_ALARM = 5, /* AlarmEvent */
	HF_EVENT_SOCKET_OPEN = 6, /* SocketOpenEvent */
	HF_EVENT_SOCKET_MESSAGE = 7, /* SocketMessageEvent */
	HF_EVENT_SOCKET_CLOSE = 8, /* SocketCloseEvent */
	HF_EVENT_SOCKET_ERROR = 9, /* SocketErrorEvent */
	HF_EVENT_SCHEDULED = 10, /* ScheduledEvent */
};

/* Limits; the host enforces them. */
enum {
	HF_LIMIT_REQUEST_BYTES_MAX = 67108864, /* bytes of a host call's request */
	HF_LIMIT_EVENT_BYTES_MAX = 83886080, /* bytes of a message into the guest */
	HF_LIMIT_TAGS_MAX = 10, /* tags a socket */
	HF_LIMIT_TAG_BYTES_MAX = 256, /* bytes of a tag */
	HF_LIMIT_SOCKETS_MAX = 32768, /* sockets an object */
	HF_LIMIT_ATTACHMENT_BYTES_MAX = 16384, /* bytes of an attachment */
	HF_LIMIT_AUTO_RESPONSE_BYTES_MAX = 2048, /* bytes of each side of an auto-response */
	HF_LIMIT_EVENT_TIMEOUT_MS_MAX = 604800000, /* ms of a socket event timeout */
	HF_LIMIT_SOCKET_MESSAGE_BYTES_MAX = 33554432, /* bytes of a socket message */
	HF_LIMIT_CALL_BYTES_MAX = 33554432, /* bytes of a call's payload or result */
	HF_LIMIT_D1_STATEMENTS_MAX = 10000, /* statements of a D1 batch */
	HF_LIMIT_PAGE_BYTES = 65536, /* bytes at which a page of rows or entries ends */
	HF_LIMIT_NAME_BYTES_MAX = 1024, /* bytes of an object's name */
	HF_LIMIT_OPERATIONS_MAX = 4096, /* waiting operations an instance */
	HF_LIMIT_LOG_LINE_BYTES_MAX = 16384, /* bytes of a log line */
	HF_LIMIT_COUNTER_NAME_BYTES_MAX = 64, /* bytes of a counter's name */
	HF_LIMIT_COUNTERS_MAX = 100, /* counters an app, unless it is configured */
};

/* What a class or the worker handles. */
enum {
	HF_HANDLES_FETCH = 1,
	HF_HANDLES_CALL = 2,
	HF_HANDLES_ALARM = 4,
	HF_HANDLES_SOCKET_OPEN = 8,
	HF_HANDLES_SOCKET_MESSAGE = 16,
	HF_HANDLES_SOCKET_CLOSE = 32,
	HF_HANDLES_SOCKET_ERROR = 64,
	HF_HANDLES_SCHEDULED = 128,
};

/* Flags of a Failure. */
enum {
	HF_FAILURE_RETRYABLE = 1,
	HF_FAILURE_OVERLOADED = 2,
	HF_FAILURE_REMOTE = 4,
};

/* Answers of hf_event, hf_completion and hf_tick, a set of bits. */
enum {
	HF_ANSWER_PUMPED = 1, /* the guest ran until it was idle */
	HF_ANSWER_REFUSED = 2, /* the message could not be decoded */
};

/* The host functions. ABI.md has their messages. */

/* Declares a class or the worker. Only while the image is made. */
HF_IMPORT(register) uint32_t hf_import_register(const void *req, uint32_t req_len);

/* Writes a line to the object's log. */
HF_IMPORT(log) uint32_t hf_import_log(const void *req, uint32_t req_len);

/* The host's clock, in nanoseconds since 1970. */
HF_IMPORT(now) int64_t hf_import_now(void);

/* Fills memory with random bytes of the host. */
HF_IMPORT(random) uint32_t hf_import_random(void *out, uint32_t out_len);

/* Takes the result, or the Failure, that did not fit the last call's room. */
HF_IMPORT(result) uint64_t hf_import_result(void *out, uint32_t out_cap);

/* Answers a fetch event. An effect: it leaves when the turn is durable. */
HF_IMPORT(respond) uint32_t hf_import_respond(const void *req, uint32_t req_len);

/* Continues a streamed answer. An effect. */
HF_IMPORT(respond_chunk) uint32_t hf_import_respond_chunk(const void *req, uint32_t req_len);

/* Ends a fetch event: the object that the request goes to answers it. An effect. */
HF_IMPORT(forward) uint32_t hf_import_forward(const void *req, uint32_t req_len);

/* Ends an event, with a call's result or a Failure. */
HF_IMPORT(done) uint32_t hf_import_done(const void *req, uint32_t req_len);

/* Counts background work that keeps the object in memory. */
HF_IMPORT(wait_until) uint32_t hf_import_wait_until(const void *req, uint32_t req_len);

/* Begins or ends a section in which no other event is delivered. */
HF_IMPORT(block) uint32_t hf_import_block(const void *req, uint32_t req_len);

/* Discards the instance and the turn's writes. Never returns. */
HF_IMPORT(abort) uint32_t hf_import_abort(const void *req, uint32_t req_len);

/* Stops waiting for an operation; its completion still comes, with status cancelled. */
HF_IMPORT(op_cancel) uint32_t hf_import_op_cancel(const void *req, uint32_t req_len);

/* Adds to a counter of the app, at once; a rollback does not undo it. */
HF_IMPORT(metric) uint32_t hf_import_metric(const void *req, uint32_t req_len);

/* The value of a key; status not_found without one. */
HF_IMPORT(kv_get) uint64_t hf_import_kv_get(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* The entries of up to 128 keys, sorted, missing ones left out. */
HF_IMPORT(kv_get_many) uint64_t hf_import_kv_get_many(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Puts up to 128 entries. */
HF_IMPORT(kv_put) uint32_t hf_import_kv_put(const void *req, uint32_t req_len);

/* Deletes up to 128 keys; how many there were. */
HF_IMPORT(kv_delete) uint64_t hf_import_kv_delete(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* A page of entries in UTF-8 byte order. */
HF_IMPORT(kv_list) uint64_t hf_import_kv_list(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Drops kv, SQL database and alarm. Not inside a transaction. */
HF_IMPORT(delete_all) uint32_t hf_import_delete_all(const void *req, uint32_t req_len);

/* Runs statements; the first page of the last one's rows. */
HF_IMPORT(sql_exec) uint64_t hf_import_sql_exec(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* The next page of a cursor. Cursors end with their turn. */
HF_IMPORT(sql_next) uint64_t hf_import_sql_next(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Ends a cursor early. */
HF_IMPORT(sql_close) uint32_t hf_import_sql_close(const void *req, uint32_t req_len);

/* Bytes of the object's SQL database. */
HF_IMPORT(sql_size) uint64_t hf_import_sql_size(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Begins an explicit transaction over kv, SQL and alarm; nested ones are savepoints. */
HF_IMPORT(tx_begin) uint32_t hf_import_tx_begin(const void *req, uint32_t req_len);

/* Ends the innermost transaction and keeps its writes. */
HF_IMPORT(tx_commit) uint32_t hf_import_tx_commit(const void *req, uint32_t req_len);

/* Ends the innermost transaction and drops its writes. */
HF_IMPORT(tx_rollback) uint32_t hf_import_tx_rollback(const void *req, uint32_t req_len);

/* The alarm that is set; none while its handler runs unless set anew. */
HF_IMPORT(alarm_get) uint64_t hf_import_alarm_get(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Sets the object's one alarm. A past time counts as now. */
HF_IMPORT(alarm_set) uint32_t hf_import_alarm_set(const void *req, uint32_t req_len);

/* Deletes the alarm; a running handler goes on. */
HF_IMPORT(alarm_delete) uint32_t hf_import_alarm_delete(const void *req, uint32_t req_len);

/* Completes when all writes so far are durable. */
HF_IMPORT(sync) uint64_t hf_import_sync(const void *req, uint32_t req_len);

/* The object's current bookmark. */
HF_IMPORT(bookmark_current) uint64_t hf_import_bookmark_current(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* The bookmark of the latest state that is not younger than a time; not_found before what is kept. */
HF_IMPORT(bookmark_for_time) uint64_t hf_import_bookmark_for_time(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Part of the turn: the next activation restores kv, SQL and alarm to a bookmark (empty: takes that back). Answers the bookmark to undo it; not_found before what is kept. */
HF_IMPORT(bookmark_restore) uint64_t hf_import_bookmark_restore(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Accepts the socket that a fetch event offered: as the object's, with up to 10 tags, or as the instance's own. */
HF_IMPORT(ws_accept) uint32_t hf_import_ws_accept(const void *req, uint32_t req_len);

/* Sends a message. An effect. */
HF_IMPORT(ws_send) uint32_t hf_import_ws_send(const void *req, uint32_t req_len);

/* Closes a socket. An effect; the socket is gone from lists at once. */
HF_IMPORT(ws_close) uint32_t hf_import_ws_close(const void *req, uint32_t req_len);

/* The object's sockets in the order they were accepted. */
HF_IMPORT(ws_list) uint64_t hf_import_ws_list(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* A socket's tags. */
HF_IMPORT(ws_tags) uint64_t hf_import_ws_tags(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* A socket's attachment; not_found without one. */
HF_IMPORT(ws_attachment_get) uint64_t hf_import_ws_attachment_get(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Sets a socket's attachment of up to 16,384 bytes. */
HF_IMPORT(ws_attachment_set) uint32_t hf_import_ws_attachment_set(const void *req, uint32_t req_len);

/* Sets the text that is answered without waking the object. */
HF_IMPORT(ws_auto_response_set) uint32_t hf_import_ws_auto_response_set(const void *req, uint32_t req_len);

/* The auto-response that is set. */
HF_IMPORT(ws_auto_response_get) uint64_t hf_import_ws_auto_response_get(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* When a socket was last answered so, ms since 1970; not_found if never. */
HF_IMPORT(ws_auto_response_time) uint64_t hf_import_ws_auto_response_time(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Sets the wall limit of socket events, in ms; 0 takes it away. */
HF_IMPORT(ws_event_timeout_set) uint32_t hf_import_ws_event_timeout_set(const void *req, uint32_t req_len);

/* The wall limit of socket events, in ms; 0 if none. */
HF_IMPORT(ws_event_timeout_get) uint64_t hf_import_ws_event_timeout_get(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Opens a WebSocket of the instance's own to a host that the app's configuration allows. */
HF_IMPORT(ws_connect) uint64_t hf_import_ws_connect(const void *req, uint32_t req_len);

/* Completes when what was sent on a socket before has left for its client, or the socket has ended. */
HF_IMPORT(ws_flush) uint64_t hf_import_ws_flush(const void *req, uint32_t req_len);

/* The next message of a socket of the instance's own, or its end. One call at a time a socket. */
HF_IMPORT(ws_receive) uint64_t hf_import_ws_receive(const void *req, uint32_t req_len);

/* Sends one message to many sockets, encoded once. An effect; the recipients are those of the call. */
HF_IMPORT(broadcast) uint64_t hf_import_broadcast(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Runs statements on a D1 database. */
HF_IMPORT(d1_query) uint64_t hf_import_d1_query(const void *req, uint32_t req_len);

/* Runs a text of statements on a D1 database. */
HF_IMPORT(d1_exec) uint64_t hf_import_d1_exec(const void *req, uint32_t req_len);

/* The id that a name has in a namespace. */
HF_IMPORT(id_from_name) uint64_t hf_import_id_from_name(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Checks the text of an id. */
HF_IMPORT(id_from_string) uint64_t hf_import_id_from_string(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* A fresh id. */
HF_IMPORT(id_unique) uint64_t hf_import_id_unique(const void *req, uint32_t req_len, void *out, uint32_t out_cap);

/* Sends a request to an object. */
HF_IMPORT(stub_fetch) uint64_t hf_import_stub_fetch(const void *req, uint32_t req_len);

/* Calls a method of an object. */
HF_IMPORT(stub_call) uint64_t hf_import_stub_call(const void *req, uint32_t req_len);

/* Sends a request to a host that the app's configuration allows. */
HF_IMPORT(fetch) uint64_t hf_import_fetch(const void *req, uint32_t req_len);

/* End of what internal/abigen writes. */

/* ---- bytes ---- */

/* Bytes that belong to somebody else: text without a final zero, or any. */
typedef struct {
	const uint8_t *ptr;
	uint32_t len;
} hf_bytes;

/* HF_STR("text") is a literal as bytes. */
#define HF_STR(text) ((hf_bytes){(const uint8_t *)(text), sizeof(text) - 1})

/* The compiler may call these where a program moves memory. */
HF_WEAK void *memcpy(void *restrict to, const void *restrict from, size_t n) {
	uint8_t *t = to;
	const uint8_t *f = from;
	for (size_t i = 0; i < n; i++) {
		t[i] = f[i];
	}
	return to;
}

HF_WEAK void *memset(void *to, int c, size_t n) {
	uint8_t *t = to;
	for (size_t i = 0; i < n; i++) {
		t[i] = (uint8_t)c;
	}
	return to;
}

static inline bool hf_equal(hf_bytes a, hf_bytes b) {
	if (a.len != b.len) {
		return false;
	}
	for (uint32_t i = 0; i < a.len; i++) {
		if (a.ptr[i] != b.ptr[i]) {
			return false;
		}
	}
	return true;
}

/* ---- reading messages ---- */

/* A reader walks a message. After the first fault bad is set and every read
 * answers zero; a message is whole only if hf_read_end says so. */
typedef struct {
	const uint8_t *p;
	uint32_t left;
	bool bad;
} hf_reader;

static inline hf_reader hf_read(hf_bytes message) { return (hf_reader){message.ptr, message.len, false}; }

static inline const uint8_t *hf_read_n(hf_reader *r, uint32_t n) {
	if (r->bad || n > r->left) {
		r->bad = true;
		return 0;
	}
	const uint8_t *p = r->p;
	r->p += n;
	r->left -= n;
	return p;
}

static inline uint64_t hf_read_le(hf_reader *r, uint32_t n) {
	const uint8_t *p = hf_read_n(r, n);
	uint64_t v = 0;
	for (uint32_t i = 0; p && i < n; i++) {
		v |= (uint64_t)p[i] << (8 * i);
	}
	return v;
}

static inline uint8_t hf_read_u8(hf_reader *r) { return (uint8_t)hf_read_le(r, 1); }
static inline uint32_t hf_read_u32(hf_reader *r) { return (uint32_t)hf_read_le(r, 4); }
static inline uint64_t hf_read_u64(hf_reader *r) { return hf_read_le(r, 8); }

static inline bool hf_read_bool(hf_reader *r) {
	uint8_t v = hf_read_u8(r);
	r->bad |= v > 1;
	return v == 1;
}

/* Text or bytes; they stay where they are. */
static inline hf_bytes hf_read_bytes(hf_reader *r) {
	uint32_t n = hf_read_u32(r);
	const uint8_t *p = hf_read_n(r, n);
	return p ? (hf_bytes){p, n} : (hf_bytes){0, 0};
}

/* Skips a list whose items are parts texts or bytes each. */
static inline void hf_read_skip_list(hf_reader *r, uint32_t parts) {
	for (uint32_t n = hf_read_u32(r); n > 0 && !r->bad; n--) {
		for (uint32_t i = 0; i < parts; i++) {
			hf_read_bytes(r);
		}
	}
}

static inline bool hf_read_end(hf_reader *r) { return !r->bad && r->left == 0; }

/* ---- writing messages ---- */

/* A writer fills room of the guest's. What does not fit sets full, and the
 * call that takes the writer answers HF_STATUS_TOO_LARGE without a call. */
typedef struct {
	uint8_t *p;
	uint32_t len, cap;
	bool full;
} hf_writer;

static inline hf_writer hf_write(void *room, uint32_t cap) { return (hf_writer){room, 0, cap, false}; }

static inline void hf_write_le(hf_writer *w, uint64_t v, uint32_t n) {
	if (w->full || n > w->cap - w->len) {
		w->full = true;
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		w->p[w->len++] = (uint8_t)(v >> (8 * i));
	}
}

static inline void hf_write_u8(hf_writer *w, uint8_t v) { hf_write_le(w, v, 1); }
static inline void hf_write_u32(hf_writer *w, uint32_t v) { hf_write_le(w, v, 4); }
static inline void hf_write_u64(hf_writer *w, uint64_t v) { hf_write_le(w, v, 8); }
static inline void hf_write_bool(hf_writer *w, bool v) { hf_write_le(w, v, 1); }

static inline void hf_write_bytes(hf_writer *w, hf_bytes v) {
	hf_write_u32(w, v.len);
	if (w->full || v.len > w->cap - w->len) {
		w->full = true;
		return;
	}
	memcpy(w->p + w->len, v.ptr, v.len);
	w->len += v.len;
}

/* ---- room for messages out ---- */

/* hf_room_bytes is what the helpers below can send at once, the fields of the
 * message included. Define it before the include for more. */
#ifndef HF_ROOM_BYTES
#define HF_ROOM_BYTES 65536
#endif

HF_WEAK uint8_t hf_room[HF_ROOM_BYTES];

static inline hf_writer hf_message(void) { return hf_write(hf_room, sizeof hf_room); }

/* A status and a length or operation, as host calls answer them. */
static inline uint32_t hf_status(uint64_t answer) { return (uint32_t)(answer >> 32); }
static inline uint32_t hf_low(uint64_t answer) { return (uint32_t)answer; }

#define HF_POST(name, w) ((w).full ? (uint32_t)HF_STATUS_TOO_LARGE : hf_import_##name((w).p, (w).len))

/* ---- calls ---- */

/* Declares a class, or the worker where name is empty. Only in
 * hf_on_register. handles are HF_HANDLES_… */
static inline uint32_t hf_register(hf_bytes name, uint32_t handles) {
	hf_writer w = hf_message();
	hf_write_bytes(&w, name);
	hf_write_u32(&w, handles);
	hf_write_bool(&w, false);
	return HF_POST(register, w);
}

/* Writes a line to the object's log; level is -4 debug, 0 info, 4 warning,
 * 8 error. */
static inline uint32_t hf_log(int32_t level, hf_bytes text) {
	hf_writer w = hf_message();
	hf_write_u32(&w, (uint32_t)level);
	hf_write_bytes(&w, text);
	hf_write_u32(&w, 0);
	return HF_POST(log, w);
}

/* Adds delta, 0 or more, to a counter of the app: 1 to 64 letters a-z, digits
 * and _, a letter first. It counts at once; a rollback does not undo it. */
static inline uint32_t hf_metric(hf_bytes name, int64_t delta) {
	hf_writer w = hf_message();
	hf_write_bytes(&w, name);
	hf_write_u64(&w, (uint64_t)delta);
	return HF_POST(metric, w);
}

/* Ends an event that has no result, or with a call's result. */
static inline uint32_t hf_done(uint64_t event, hf_bytes result) {
	hf_writer w = hf_message();
	hf_write_u64(&w, event);
	hf_write_u32(&w, HF_STATUS_OK);
	hf_write_bytes(&w, result);
	return HF_POST(done, w);
}

/* Ends an event with an error: a status other than HF_STATUS_OK, and why. Of
 * a text over 1,024 bytes the rest is cut. */
static inline uint32_t hf_fail(uint64_t event, uint32_t status, hf_bytes why) {
	if (why.len > 1024) {
		why.len = 1024;
	}
	hf_writer w = hf_message();
	hf_write_u64(&w, event);
	hf_write_u32(&w, status);
	hf_write_u32(&w, 4 + why.len + 1); /* a Failure: its message and flags */
	hf_write_bytes(&w, why);
	hf_write_u8(&w, 0);
	return HF_POST(done, w);
}

/* Answers a fetch event with plain text, or with a content type of its own.
 * An answer that the host does not take ends the event with an error. */
static inline uint32_t hf_respond_as(uint64_t event, uint32_t status, hf_bytes type, hf_bytes body) {
	hf_writer w = hf_message();
	hf_write_u64(&w, event);
	hf_write_u32(&w, status);
	hf_write_u32(&w, 1);
	hf_write_bytes(&w, HF_STR("content-type"));
	hf_write_bytes(&w, type);
	hf_write_bytes(&w, body);
	hf_write_bool(&w, false);
	uint32_t st = HF_POST(respond, w);
	if (st != HF_STATUS_OK) {
		hf_fail(event, st, HF_STR("the response was not taken"));
	}
	return st;
}

static inline uint32_t hf_respond(uint64_t event, uint32_t status, hf_bytes body) {
	return hf_respond_as(event, status, HF_STR("text/plain; charset=utf-8"), body);
}

/* The value of a key, into out of cap bytes: HF_STATUS_OK and its length, or
 * HF_STATUS_NOT_FOUND, or HF_STATUS_TOO_LARGE and the length that it needs
 * (hf_import_result takes it then). */
static inline uint32_t hf_kv_get(hf_bytes key, void *out, uint32_t cap, uint32_t *len) {
	hf_writer w = hf_message();
	hf_write_bytes(&w, key);
	*len = 0;
	if (w.full) {
		return HF_STATUS_TOO_LARGE;
	}
	uint64_t answer = hf_import_kv_get(w.p, w.len, out, cap);
	if (hf_status(answer) != HF_STATUS_OK) {
		return hf_status(answer);
	}
	*len = hf_low(answer);
	return *len > cap ? HF_STATUS_TOO_LARGE : HF_STATUS_OK;
}

static inline uint32_t hf_kv_put(hf_bytes key, hf_bytes value) {
	hf_writer w = hf_message();
	hf_write_u32(&w, 1);
	hf_write_bytes(&w, key);
	hf_write_bytes(&w, value);
	hf_write_bool(&w, false);
	return HF_POST(kv_put, w);
}

/* Deletes a key; was says whether it was there. */
static inline uint32_t hf_kv_delete(hf_bytes key, bool *was) {
	hf_writer w = hf_message();
	hf_write_u32(&w, 1);
	hf_write_bytes(&w, key);
	*was = false;
	if (w.full) {
		return HF_STATUS_TOO_LARGE;
	}
	uint8_t out[4] = {0};
	uint64_t answer = hf_import_kv_delete(w.p, w.len, out, sizeof out);
	*was = hf_status(answer) == HF_STATUS_OK && out[0] == 1;
	return hf_status(answer);
}

/* A page of entries whose keys begin with prefix, behind the key after (empty:
 * from the first), at most limit (0: as many as fit a page). The page is
 * read from hf_list: while hf_list_next answers true there is an entry; more
 * says afterwards that the page was full before limit, and another follows. out holds the page: give it
 * HF_LIMIT_PAGE_BYTES and what your largest value needs. */
typedef struct {
	hf_reader r;
	uint32_t left;
	bool more;
} hf_list;

static inline uint32_t hf_kv_list(hf_bytes prefix, hf_bytes after, uint32_t limit, void *out, uint32_t cap, hf_list *l) {
	hf_writer w = hf_message();
	hf_write_bytes(&w, (hf_bytes){0, 0}); /* start */
	hf_write_bool(&w, false);
	hf_write_bytes(&w, after);
	hf_write_bool(&w, after.len > 0);
	hf_write_bytes(&w, (hf_bytes){0, 0}); /* end */
	hf_write_bool(&w, false);
	hf_write_bytes(&w, prefix);
	hf_write_bool(&w, false); /* reverse */
	hf_write_u32(&w, limit);
	*l = (hf_list){0};
	if (w.full) {
		return HF_STATUS_TOO_LARGE;
	}
	uint64_t answer = hf_import_kv_list(w.p, w.len, out, cap);
	if (hf_status(answer) != HF_STATUS_OK) {
		return hf_status(answer);
	}
	if (hf_low(answer) > cap) {
		return HF_STATUS_TOO_LARGE;
	}
	l->r = hf_read((hf_bytes){out, hf_low(answer)});
	l->left = hf_read_u32(&l->r);
	return HF_STATUS_OK;
}

static inline bool hf_list_next(hf_list *l, hf_bytes *key, hf_bytes *value) {
	if (l->left == 0 || l->r.bad) {
		if (!l->r.bad && l->r.left == 1) { /* at the end for the first time */
			l->more = hf_read_bool(&l->r);
		}
		return false;
	}
	l->left--;
	*key = hf_read_bytes(&l->r);
	*value = hf_read_bytes(&l->r);
	return !l->r.bad;
}

/* Sets the object's one alarm, in ms since 1970. */
static inline uint32_t hf_alarm_set(int64_t time_ms) {
	hf_writer w = hf_message();
	hf_write_u64(&w, (uint64_t)time_ms);
	return HF_POST(alarm_set, w);
}

static inline uint32_t hf_alarm_delete(void) { return hf_import_alarm_delete(0, 0); }

/* The host's clock, in ms since 1970. */
static inline int64_t hf_now_ms(void) { return hf_import_now() / 1000000; }

/* ---- requests ---- */

typedef struct {
	uint64_t event;
	hf_bytes class, id, name; /* class is empty in the worker */
} hf_construct;

typedef struct {
	uint64_t event, upgrade;
	hf_bytes method, url, body, client_addr;
	int64_t deadline_ms;
	hf_bytes headers; /* a list of names and values, as it came */
} hf_fetch;

typedef struct {
	uint64_t event;
	hf_bytes method, payload;
} hf_call;

typedef struct {
	uint64_t event;
	int64_t scheduled_ms;
	uint32_t retry_count;
	bool is_retry;
} hf_alarm;

/* The path of an absolute URL, without its query. */
static inline hf_bytes hf_path(hf_bytes url) {
	uint32_t from = 0, slashes = 0;
	while (from < url.len && (slashes += url.ptr[from] == '/') < 3) {
		from++;
	}
	uint32_t to = from;
	while (to < url.len && url.ptr[to] != '?' && url.ptr[to] != '#') {
		to++;
	}
	return (hf_bytes){url.ptr + from, to - from};
}

/* The last element of a path. */
static inline hf_bytes hf_base(hf_bytes path) {
	uint32_t from = path.len;
	while (from > 0 && path.ptr[from - 1] != '/') {
		from--;
	}
	return (hf_bytes){path.ptr + from, path.len - from};
}

/* A parameter of a URL's query, as it was sent; false without one. */
static inline bool hf_query(hf_bytes url, hf_bytes name, hf_bytes *value) {
	uint32_t at = 0;
	while (at < url.len && url.ptr[at] != '?') {
		at++;
	}
	while (at < url.len && url.ptr[at] != '#') {
		uint32_t from = ++at, eq = 0;
		while (at < url.len && url.ptr[at] != '&' && url.ptr[at] != '#') {
			if (url.ptr[at] == '=' && eq == 0) {
				eq = at;
			}
			at++;
		}
		uint32_t end = eq ? eq : at;
		if (hf_equal((hf_bytes){url.ptr + from, end - from}, name)) {
			*value = eq ? (hf_bytes){url.ptr + eq + 1, at - eq - 1} : (hf_bytes){0, 0};
			return true;
		}
	}
	return false;
}

/* A header of a request; names are compared without case, name is given in
 * lower case. */
static inline bool hf_header(const hf_fetch *f, hf_bytes name, hf_bytes *value) {
	hf_reader r = hf_read(f->headers);
	for (uint32_t n = hf_read_u32(&r); n > 0 && !r.bad; n--) {
		hf_bytes k = hf_read_bytes(&r);
		*value = hf_read_bytes(&r);
		bool same = !r.bad && k.len == name.len;
		for (uint32_t i = 0; same && i < k.len; i++) {
			uint8_t c = k.ptr[i];
			same = (c >= 'A' && c <= 'Z' ? c + 32 : c) == name.ptr[i];
		}
		if (same) {
			return true;
		}
	}
	return false;
}

/* ---- handlers: a guest defines those that it registers ---- */

/* Registers classes and the worker. Runs once, while the image is made. */
void hf_on_register(void);

/* Makes an instance ready; another status than HF_STATUS_OK refuses it. */
HF_WEAK uint32_t hf_on_construct(const hf_construct *c);

/* Every fetch is ended once by hf_respond… or hf_fail, in the handler or, if it
 * waits for an operation, in hf_on_completion. */
HF_WEAK void hf_on_fetch(const hf_fetch *f);

/* Every call is ended once by hf_done or hf_fail. */
HF_WEAK void hf_on_call(const hf_call *c);

/* Every alarm is ended once by hf_done or hf_fail; a failed one is tried
 * again. */
HF_WEAK void hf_on_alarm(const hf_alarm *a);

/* Any other event, undecoded: ABI.md has its message. False refuses it. */
HF_WEAK bool hf_on_other(uint32_t kind, hf_bytes message);

/* The end of an operation that an import of shape async has begun. */
HF_WEAK bool hf_on_completion(uint32_t op, uint32_t status, hf_bytes result);

/* ---- the exports ---- */
#ifndef HF_OWN_EXPORTS

/* The standing buffer holds most events; the host learns where it is once. A
 * larger event gets memory at the end, which is kept for the next one. */
HF_WEAK uint8_t hf_standing[65536];
HF_WEAK struct {
	uint8_t *now, *large;
	uint32_t large_cap;
} hf_buffers;

HF_EXPORT(hf_buffer) uint8_t *hf_buffer(uint32_t len) {
	if (len <= sizeof hf_standing) {
		return hf_buffers.now = hf_standing;
	}
	if (len > hf_buffers.large_cap) {
		uint32_t pages = len / 65536 + 1;
		uint32_t end = __builtin_wasm_memory_grow(0, pages);
		if (end == UINT32_MAX) {
			__builtin_trap(); /* out of memory: the instance starts again */
		}
		hf_buffers.large = (uint8_t *)(end * 65536);
		hf_buffers.large_cap = pages * 65536;
	}
	return hf_buffers.now = hf_buffers.large;
}

static inline hf_bytes hf_taken(uint32_t len) {
	hf_bytes message = {hf_buffers.now ? hf_buffers.now : hf_standing, len};
	hf_buffers.now = hf_standing;
	return message;
}

static inline bool hf_take_construct(hf_bytes message) {
	hf_reader r = hf_read(message);
	hf_construct c = {.event = hf_read_u64(&r)};
	c.class = hf_read_bytes(&r);
	c.id = hf_read_bytes(&r);
	c.name = hf_read_bytes(&r);
	hf_read_bytes(&r);        /* mode */
	hf_read_skip_list(&r, 2); /* vars */
	hf_read_skip_list(&r, 1); /* D1 bindings */
	hf_read_skip_list(&r, 1); /* namespaces */
	hf_read_bytes(&r);        /* seed */
	if (!hf_read_end(&r)) {
		return false;
	}
	uint32_t st = hf_on_construct ? hf_on_construct(&c) : (uint32_t)HF_STATUS_OK;
	if (st == HF_STATUS_OK) {
		hf_done(c.event, (hf_bytes){0, 0});
	} else {
		hf_fail(c.event, st, HF_STR("the constructor failed"));
	}
	return true;
}

static inline bool hf_take_fetch(hf_bytes message) {
	hf_reader r = hf_read(message);
	hf_fetch f = {.event = hf_read_u64(&r)};
	f.upgrade = hf_read_u64(&r);
	f.method = hf_read_bytes(&r);
	f.url = hf_read_bytes(&r);
	f.headers.ptr = r.p;
	hf_read_skip_list(&r, 2);
	f.headers.len = (uint32_t)(r.p - f.headers.ptr);
	f.body = hf_read_bytes(&r);
	f.client_addr = hf_read_bytes(&r);
	hf_read_bytes(&r); /* trace context */
	f.deadline_ms = (int64_t)hf_read_u64(&r);
	if (!hf_read_end(&r)) {
		return false;
	}
	if (hf_on_fetch) {
		hf_on_fetch(&f);
	} else {
		hf_fail(f.event, HF_STATUS_UNSUPPORTED, HF_STR("the guest has no fetch handler"));
	}
	return true;
}

static inline bool hf_take_call(hf_bytes message) {
	hf_reader r = hf_read(message);
	hf_call c = {.event = hf_read_u64(&r)};
	c.method = hf_read_bytes(&r);
	c.payload = hf_read_bytes(&r);
	if (!hf_read_end(&r)) {
		return false;
	}
	if (hf_on_call) {
		hf_on_call(&c);
	} else {
		hf_fail(c.event, HF_STATUS_UNSUPPORTED, HF_STR("the guest has no methods"));
	}
	return true;
}

static inline bool hf_take_alarm(hf_bytes message) {
	hf_reader r = hf_read(message);
	hf_alarm a = {.event = hf_read_u64(&r)};
	a.scheduled_ms = (int64_t)hf_read_u64(&r);
	a.retry_count = hf_read_u32(&r);
	a.is_retry = hf_read_bool(&r);
	if (!hf_read_end(&r)) {
		return false;
	}
	if (hf_on_alarm) {
		hf_on_alarm(&a);
	} else {
		hf_fail(a.event, HF_STATUS_UNSUPPORTED, HF_STR("the guest has no alarm handler"));
	}
	return true;
}

HF_EXPORT(hf_event) uint32_t hf_event(uint32_t kind, uint32_t len) {
	hf_bytes message = hf_taken(len);
	bool taken;
	switch (kind) {
	case HF_EVENT_CONSTRUCT:
		taken = hf_take_construct(message);
		break;
	case HF_EVENT_FETCH:
		taken = hf_take_fetch(message);
		break;
	case HF_EVENT_CALL:
		taken = hf_take_call(message);
		break;
	case HF_EVENT_ALARM:
		taken = hf_take_alarm(message);
		break;
	default:
		taken = hf_on_other ? hf_on_other(kind, message) : kind == HF_EVENT_CANCELLED;
	}
	return HF_ANSWER_PUMPED | (taken ? 0 : HF_ANSWER_REFUSED);
}

HF_EXPORT(hf_completion) uint32_t hf_completion(uint32_t op, uint32_t status, uint32_t len) {
	hf_bytes result = hf_taken(len);
	return HF_ANSWER_PUMPED | (hf_on_completion && hf_on_completion(op, status, result) ? 0 : HF_ANSWER_REFUSED);
}

/* Nothing runs beside a handler in C, so there is nothing to pump. */
HF_EXPORT(hf_tick) uint32_t hf_tick(void) { return HF_ANSWER_PUMPED; }

extern void __wasm_call_ctors(void);

HF_EXPORT(_initialize) void hf_initialize(void) {
	__wasm_call_ctors();
	hf_on_register();
}

#endif /* HF_OWN_EXPORTS */
#endif /* HOLDFAST_H */
