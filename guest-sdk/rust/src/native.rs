//! A small host in memory, for tests away from wasm32: kv, alarm and the ends
//! of events, one a thread. It keeps no turns and no gates; whether a guest is
//! right is for the compiled one to show.

#![allow(clippy::missing_safety_doc, missing_docs)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::abi;
use crate::guest::{Constructor, Guest};
use crate::wire::{Reader, Writer};

/// What the host of this thread has.
#[derive(Default)]
pub struct World {
    /// Keys and their values.
    pub kv: BTreeMap<String, Vec<u8>>,
    /// The alarm, ms since 1970.
    pub alarm: Option<i64>,
    /// What was counted, by name.
    pub counters: BTreeMap<String, i64>,
    /// What was registered.
    pub classes: Vec<String>,
    /// How the last event ended: an HTTP status, or a status of the boundary
    /// negated, and a text.
    pub ended: Option<(i32, String)>,
    result: Vec<u8>,
}

thread_local!(static WORLD: RefCell<World> = RefCell::default());

/// Gives `f` the world of this thread.
pub fn world<T>(f: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with(|w| f(&mut w.borrow_mut()))
}

/// A guest in this thread's world.
pub struct Instance {
    guest: Guest,
    construct: Constructor,
}

impl Instance {
    /// Makes an instance of a class; an empty one is the worker.
    pub fn new(class: &str, construct: Constructor) -> Self {
        let mut i = Instance { guest: Guest::new(), construct };
        let m = Writer::new().u64(1).bytes(class).bytes("00").bytes("name").bytes("dev").u32(0).u32(0).u32(0).bytes([0; 32]);
        i.deliver(abi::EVENT_CONSTRUCT, &m.out);
        i
    }

    /// Delivers a message as a host would, and answers the guest's bits.
    pub fn deliver(&mut self, kind: u32, message: &[u8]) -> u32 {
        let buffer = self.guest.buffer(message.len() as u32);
        // SAFETY: the buffer has room for the message.
        unsafe { std::ptr::copy_nonoverlapping(message.as_ptr(), buffer, message.len()) };
        self.guest.event(kind, message.len() as u32, self.construct)
    }

    /// Sends a request and answers its status and body.
    pub fn fetch(&mut self, method: &str, path: &str, body: &[u8]) -> (i32, String) {
        let m = Writer::new().u64(2).u64(0).bytes(method).bytes(std::format!("http://test{path}")).pairs(&[("x-test", "1")]);
        let m = m.bytes(body).bytes("127.0.0.1:1").bytes("").u64(0);
        world(|w| w.ended = None);
        assert_eq!(self.deliver(abi::EVENT_FETCH, &m.out), abi::ANSWER_PUMPED, "the guest refused a request");
        world(|w| w.ended.take()).expect("the event has not ended")
    }
}

unsafe fn request<'a>(req: *const u8, len: u32) -> Reader<'a> {
    Reader::new(std::slice::from_raw_parts(req, len as usize))
}

unsafe fn sync(result: Result<Vec<u8>, u32>, out: *mut u8, cap: u32) -> u64 {
    let (status, bytes) = match result {
        Ok(bytes) => (abi::STATUS_OK, bytes),
        Err(status) => (status, Writer::new().bytes("no").u8(0).out),
    };
    let len = bytes.len();
    if len <= cap as usize {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), out, len);
    } else {
        world(|w| w.result = bytes);
    }
    u64::from(status) << 32 | len as u64
}

fn status(ok: bool) -> u32 {
    if ok { abi::STATUS_OK } else { abi::STATUS_INVALID }
}

pub unsafe extern "C" fn result(out: *mut u8, cap: u32) -> u64 {
    sync(Ok(world(|w| std::mem::take(&mut w.result))), out, cap)
}

pub unsafe extern "C" fn register(req: *const u8, len: u32) -> u32 {
    let mut r = request(req, len);
    let (class, _, _) = (r.text().to_string(), r.u32(), r.boolean());
    world(|w| w.classes.push(class));
    status(r.end())
}

pub unsafe extern "C" fn log(req: *const u8, len: u32) -> u32 {
    let mut r = request(req, len);
    let (_, message, _) = (r.u32(), r.text(), r.u32());
    std::eprintln!("{message}");
    status(r.end())
}

pub unsafe extern "C" fn metric(req: *const u8, len: u32) -> u32 {
    let mut r = request(req, len);
    let (name, delta) = (r.text().to_string(), r.u64() as i64);
    if !r.end() || name.is_empty() || delta < 0 {
        return abi::STATUS_INVALID;
    }
    world(|w| *w.counters.entry(name).or_default() += delta);
    abi::STATUS_OK
}

pub unsafe extern "C" fn respond(req: *const u8, len: u32) -> u32 {
    let mut r = request(req, len);
    let (_, code) = (r.u64(), r.u32());
    r.list(8, |r| (r.text(), r.text()));
    let body = r.text().to_string();
    r.boolean();
    world(|w| w.ended = Some((code as i32, body)));
    status(r.end())
}

pub unsafe extern "C" fn done(req: *const u8, len: u32) -> u32 {
    let mut r = request(req, len);
    let (_, code, payload) = (r.u64(), r.u32(), r.bytes());
    let text = if code == abi::STATUS_OK { String::new() } else { Reader::new(payload).text().to_string() };
    world(|w| w.ended = Some((-(code as i32), text)));
    status(r.end())
}

pub unsafe extern "C" fn kv_get(req: *const u8, len: u32, out: *mut u8, cap: u32) -> u64 {
    let mut r = request(req, len);
    let value = world(|w| w.kv.get(r.text()).cloned());
    sync(value.ok_or(abi::STATUS_NOT_FOUND), out, cap)
}

pub unsafe extern "C" fn kv_put(req: *const u8, len: u32) -> u32 {
    let mut r = request(req, len);
    let entries = r.list(8, |r| (r.text().to_string(), r.bytes().to_vec()));
    r.boolean();
    world(|w| w.kv.extend(entries));
    status(r.end())
}

pub unsafe extern "C" fn kv_delete(req: *const u8, len: u32, out: *mut u8, cap: u32) -> u64 {
    let mut r = request(req, len);
    let keys = r.list(4, |r| r.text());
    let n = world(|w| keys.iter().filter(|k| w.kv.remove(**k).is_some()).count());
    sync(Ok(Writer::new().u32(n as u32).out), out, cap)
}

pub unsafe extern "C" fn kv_list(req: *const u8, len: u32, out: *mut u8, cap: u32) -> u64 {
    let mut r = request(req, len);
    let (_, _, after, has_after, _, _) = (r.text(), r.boolean(), r.text(), r.boolean(), r.text(), r.boolean());
    let (prefix, _, limit) = (r.text(), r.boolean(), r.u32() as usize);
    let mut all = world(|w| w.kv.clone());
    all.retain(|k, _| k.starts_with(prefix) && (!has_after || k.as_str() > after));
    let n = if limit == 0 { all.len() } else { limit.min(all.len()) };
    let m = all.iter().take(n).fold(Writer::new().u32(n as u32), |m, (k, v)| m.bytes(k).bytes(v));
    sync(Ok(m.boolean(false).out), out, cap) // all of it is one page
}

pub unsafe extern "C" fn alarm_set(req: *const u8, len: u32) -> u32 {
    let mut r = request(req, len);
    let time = r.u64() as i64;
    world(|w| w.alarm = Some(time));
    status(r.end())
}

pub unsafe extern "C" fn alarm_delete(_: *const u8, _: u32) -> u32 {
    world(|w| w.alarm = None);
    abi::STATUS_OK
}

pub unsafe extern "C" fn now() -> i64 {
    1_767_225_600_000_000_000 // 2026-01-01
}
