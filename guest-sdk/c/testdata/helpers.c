/* helpers tries what of holdfast.h the counter does not use. */
#include "../holdfast.h"

void hf_on_register(void) { hf_register(HF_STR("Helpers"), HF_HANDLES_FETCH | HF_HANDLES_ALARM); }

/* A page, and the largest value behind its end. */
static uint8_t page[2 * HF_LIMIT_PAGE_BYTES], text[4096];

/* get answers the value of a key. */
static void get(const hf_fetch *f, hf_bytes key) {
	uint32_t len, st = hf_kv_get(key, page, 8, &len);
	if (st == HF_STATUS_TOO_LARGE) { /* the host keeps it */
		st = hf_status(hf_import_result(page, sizeof page));
	}
	if (st == HF_STATUS_OK) {
		hf_respond(f->event, 200, (hf_bytes){page, len});
	} else {
		hf_fail(f->event, st, HF_STR("kv_get failed"));
	}
}

/* list answers the key and two bytes of the value of each entry, and a + where
 * another page follows. */
static void list(const hf_fetch *f) {
	hf_bytes prefix = {0}, after = {0}, limit = {0}, key, value;
	hf_query(f->url, HF_STR("prefix"), &prefix);
	hf_query(f->url, HF_STR("after"), &after);
	hf_query(f->url, HF_STR("limit"), &limit);
	hf_list l;
	uint32_t st = hf_kv_list(prefix, after, limit.len ? (uint32_t)(limit.ptr[0] - '0') : 0, page, sizeof page, &l);
	if (st != HF_STATUS_OK) {
		hf_fail(f->event, st, HF_STR("kv_list failed"));
		return;
	}
	uint32_t n = 0;
	while (hf_list_next(&l, &key, &value)) {
		memcpy(text + n, key.ptr, key.len);
		n += key.len;
		text[n++] = '=';
		value.len = value.len > 2 ? 2 : value.len;
		memcpy(text + n, value.ptr, value.len);
		n += value.len;
		text[n++] = ',';
	}
	if (l.more) {
		text[n++] = '+';
	}
	hf_respond(f->event, 200, (hf_bytes){text, n});
}

void hf_on_fetch(const hf_fetch *f) {
	hf_bytes op = hf_base(hf_path(f->url)), key = {0}, value = {0};
	hf_query(f->url, HF_STR("k"), &key);
	if (hf_equal(op, HF_STR("get"))) {
		get(f, key);
	} else if (hf_equal(op, HF_STR("put"))) {
		uint32_t st = hf_kv_put(key, f->body);
		hf_respond(f->event, 200, st == HF_STATUS_OK ? HF_STR("ok") : st == HF_STATUS_TOO_LARGE ? HF_STR("too large") : HF_STR("failed"));
	} else if (hf_equal(op, HF_STR("delete"))) {
		bool was;
		uint32_t st = hf_kv_delete(key, &was);
		hf_respond(f->event, 200, st != HF_STATUS_OK ? HF_STR("failed") : was ? HF_STR("was") : HF_STR("was not"));
	} else if (hf_equal(op, HF_STR("list"))) {
		list(f);
	} else if (hf_equal(op, HF_STR("header"))) {
		bool found = hf_header(f, HF_STR("authorization"), &value);
		hf_respond(f->event, found ? 200 : 404, value);
	} else if (hf_equal(op, HF_STR("echo"))) {
		hf_respond_as(f->event, 201, HF_STR("application/octet-stream"), f->body);
	} else if (hf_equal(op, HF_STR("alarm"))) {
		hf_log(0, HF_STR("the alarm is set"));
		uint32_t st = hf_alarm_set(hf_now_ms());
		hf_respond(f->event, 200, st == HF_STATUS_OK ? HF_STR("ok") : HF_STR("failed"));
	} else if (hf_equal(op, HF_STR("metric"))) {
		uint32_t st = hf_metric(key, 7);
		hf_respond(f->event, 200, st == HF_STATUS_OK ? HF_STR("ok") : st == HF_STATUS_INVALID ? HF_STR("invalid") : HF_STR("failed"));
	} else if (hf_equal(op, HF_STR("unset"))) {
		bool ok = hf_alarm_set(hf_now_ms() + 86400000) == HF_STATUS_OK && hf_alarm_delete() == HF_STATUS_OK;
		hf_respond(f->event, 200, ok ? HF_STR("ok") : HF_STR("failed"));
	} else {
		hf_fail(f->event, HF_STATUS_GUEST_FAILED, op);
	}
}

void hf_on_alarm(const hf_alarm *a) {
	hf_kv_put(HF_STR("alarm"), a->is_retry ? HF_STR("again") : HF_STR("once"));
	hf_done(a->event, (hf_bytes){0, 0});
}
