//! Calls that most guests make. Everything else is a [`Writer`] and a function
//! of [`crate::abi`], with the messages of guest-sdk/abi/ABI.md.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::abi;
use crate::wire::{Reader, Writer};

#[cfg(target_arch = "wasm32")]
use crate::abi as import;
#[cfg(not(target_arch = "wasm32"))]
use crate::native as import;

/// Why something did not work: a status of [`crate::abi`] other than
/// `STATUS_OK`, and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `STATUS_…`
    pub status: u32,
    /// What went wrong, for people.
    pub message: String,
}

impl Failure {
    /// A failure of the guest's own.
    pub fn new(status: u32, message: impl Into<String>) -> Self {
        Failure { status, message: message.into() }
    }
}

/// What a result may take before the host keeps it for `result`.
const ROOM_BYTES: usize = 4096;

type SyncCall = unsafe extern "C" fn(*const u8, u32, *mut u8, u32) -> u64;
type PostCall = unsafe extern "C" fn(*const u8, u32) -> u32;

fn post(call: PostCall, name: &str, w: Writer) -> Result<(), Failure> {
    // SAFETY: the host reads the request before it returns.
    match unsafe { call(w.out.as_ptr(), w.out.len() as u32) } {
        abi::STATUS_OK => Ok(()),
        status => Err(Failure::new(status, name)),
    }
}

/// Makes a call of shape Sync and answers its result.
fn sync(call: SyncCall, w: Writer) -> Result<Vec<u8>, Failure> {
    let mut out = vec![0; ROOM_BYTES];
    // SAFETY: the host reads the request and writes at most ROOM_BYTES.
    let answer = unsafe { call(w.out.as_ptr(), w.out.len() as u32, out.as_mut_ptr(), ROOM_BYTES as u32) };
    let (status, len) = ((answer >> 32) as u32, answer as u32 as usize);
    let fits = len <= out.len();
    out.resize(len, 0);
    if !fits {
        // SAFETY: as above, with room for all of it.
        unsafe { import::result(out.as_mut_ptr(), len as u32) };
    }
    if status == abi::STATUS_OK {
        return Ok(out);
    }
    let mut r = Reader::new(&out);
    Err(Failure::new(status, r.text().to_string()))
}

/// Declares a class, or the worker where `class` is empty; `handles` are
/// `HANDLES_…`. Only while the image is made.
pub fn register(class: &str, handles: u32) -> Result<(), Failure> {
    post(import::register, "register", Writer::new().bytes(class).u32(handles).boolean(false))
}

/// Writes a line to the object's log: -4 debug, 0 info, 4 warning, 8 error.
pub fn log(level: i32, message: &str) {
    // A line that the host does not take has nowhere else to go.
    let _ = post(import::log, "log", Writer::new().u32(level as u32).bytes(message).u32(0));
}

/// Adds `delta`, 0 or more, to a counter of the app: 1 to 64 letters a-z,
/// digits and `_`, a letter first. It counts at once; a rollback does not undo
/// it.
pub fn metric(name: &str, delta: i64) -> Result<(), Failure> {
    post(import::metric, "metric", Writer::new().bytes(name).u64(delta as u64))
}

/// Answers a fetch event.
pub(crate) fn respond(event: u64, r: &crate::Response) -> Result<(), Failure> {
    post(import::respond, "respond", Writer::new().u64(event).u32(r.status).pairs(&r.headers).bytes(&r.body).boolean(false))
}

/// Ends an event with its result, or with why there is none.
pub(crate) fn done(event: u64, result: Result<&[u8], &Failure>) {
    let w = Writer::new().u64(event);
    let w = match result {
        Ok(payload) => w.u32(abi::STATUS_OK).bytes(payload),
        Err(f) => w.u32(f.status).bytes(Writer::new().bytes(&f.message).u8(0).out),
    };
    // The host refuses only an event that it has given up already.
    let _ = post(import::done, "done", w);
}

/// The value of a key.
pub fn kv_get(key: &str) -> Result<Option<Vec<u8>>, Failure> {
    match sync(import::kv_get, Writer::new().bytes(key)) {
        Ok(v) => Ok(Some(v)),
        Err(f) if f.status == abi::STATUS_NOT_FOUND => Ok(None),
        Err(f) => Err(f),
    }
}

/// Sets the value of a key.
pub fn kv_put(key: &str, value: &[u8]) -> Result<(), Failure> {
    post(import::kv_put, "kv_put", Writer::new().u32(1).bytes(key).bytes(value).boolean(false))
}

/// Deletes a key and answers whether it was there.
pub fn kv_delete(key: &str) -> Result<bool, Failure> {
    let out = sync(import::kv_delete, Writer::new().u32(1).bytes(key))?;
    Ok(Reader::new(&out).u32() == 1)
}

/// A page of entries, and whether it was full before the limit, so that
/// another follows.
pub type Page = (Vec<(String, Vec<u8>)>, bool);

/// A page of the entries whose keys begin with `prefix`, behind the key
/// `after` (empty: from the first), at most `limit` (0: what fits a page).
pub fn kv_list(prefix: &str, after: &str, limit: u32) -> Result<Page, Failure> {
    let w = Writer::new().bytes("").boolean(false).bytes(after).boolean(!after.is_empty());
    let w = w.bytes("").boolean(false).bytes(prefix).boolean(false).u32(limit);
    let out = sync(import::kv_list, w)?;
    let mut r = Reader::new(&out);
    let entries = r.list(8, |r| (r.text().to_string(), r.bytes().to_vec()));
    let more = r.boolean();
    if !r.end() {
        return Err(Failure::new(abi::STATUS_INTERNAL, "kv_list: the page cannot be read"));
    }
    Ok((entries, more))
}

/// Sets the object's one alarm, in ms since 1970.
pub fn alarm_set(time_ms: i64) -> Result<(), Failure> {
    post(import::alarm_set, "alarm_set", Writer::new().u64(time_ms as u64))
}

/// Deletes the alarm.
pub fn alarm_delete() -> Result<(), Failure> {
    post(import::alarm_delete, "alarm_delete", Writer::new())
}

/// The host's clock, in ms since 1970.
pub fn now_ms() -> i64 {
    // SAFETY: it takes nothing.
    unsafe { import::now() / 1_000_000 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::world;

    #[test]
    fn kv() {
        for key in ["a", "b1", "b2"] {
            assert_eq!(kv_put(key, key.as_bytes()), Ok(()));
        }
        let large = vec![7; 2 * ROOM_BYTES];
        assert_eq!(kv_put("large", &large), Ok(()));
        assert_eq!(kv_get("large"), Ok(Some(large)));
        assert_eq!(kv_get("b1"), Ok(Some(b"b1".to_vec())));
        assert_eq!(kv_get("none"), Ok(None));
        let keys = |page: Result<Page, Failure>| page.unwrap().0.into_iter().map(|(k, _)| k).collect::<Vec<_>>();
        assert_eq!(keys(kv_list("", "", 0)), ["a", "b1", "b2", "large"]);
        assert_eq!(keys(kv_list("b", "b1", 0)), ["b2"]);
        assert_eq!(keys(kv_list("", "a", 2)), ["b1", "b2"]);
        assert_eq!((kv_delete("a"), kv_delete("a")), (Ok(true), Ok(false)));
    }

    #[test]
    fn counters() {
        assert_eq!((metric("visits", 2), metric("visits", 0), metric("visits", 3)), (Ok(()), Ok(()), Ok(())));
        assert_eq!(world(|w| w.counters.get("visits").copied()), Some(5));
        for (name, delta) in [("", 1), ("visits", -1)] {
            assert_eq!(metric(name, delta).map_err(|f| f.status), Err(abi::STATUS_INVALID));
        }
    }

    #[test]
    fn alarm() {
        assert_eq!(alarm_set(now_ms() + 5), Ok(()));
        assert_eq!(world(|w| w.alarm), Some(now_ms() + 5));
        assert_eq!(alarm_delete(), Ok(()));
        assert_eq!(world(|w| w.alarm), None);
    }
}
