// Package socket owns the server side of WebSocket connections after their
// handshake: frames, order, back-pressure, keepalive and the close handshake.
//
// It refuses to know objects, rooms, HTTP and TLS: it is given a connection
// whose 101 response has been written and an Events to call. It never blocks a
// sender, keeps no goroutine and no buffer for an idle socket, and never lets
// a slow reader hold more than Config.QueueBytesMax.
//
// The way of a byte, where the connection is a plain one on Linux:
//
//  1. all descriptors sit one-shot in one epoll set, whose own descriptor sits
//     in the runtime's poller: waiting costs no thread;
//  2. a readable socket is claimed (Socket.serving) and queued for a worker;
//     the claim is what makes events come one at a time and in order;
//  3. the worker reads into its own buffer without blocking, takes frames
//     apart, calls Events.Message, and arms the descriptor again;
//  4. Send writes at once, without blocking, on the sender's goroutine; what
//     the kernel does not take waits in the socket's queue, and the epoll set
//     says when to go on;
//  5. whoever ends a connection closes the descriptor under the socket's lock
//     and leaves Events.Closed to a worker.
//
// Any other connection (TLS, other systems) has a reading goroutine, and a
// writing one while bytes wait, behind the same Socket.
//
// Lock order: Socket.mu before the server's, the wheel's and the run queue's;
// nothing that is called under a Socket.mu blocks. Events are called with no
// lock held.
package socket
