// Package countertest is the counter part of the test kit: it holds an app of
// a worker and a class Counter to its routes, over HTTP, whatever language the
// guest is written in. It owns no guest and refuses to look inside one.
//
// The app answers /plain from its worker, and for the object NAME
//
//	/counter/NAME/incr      adds 1 and answers the number in decimal
//	/counter/NAME/add?n=N   adds N, from -1000000000 to 1000000000; 400 for anything else
//	/counter/NAME/get       answers the number, 0 at first
//	/counter/NAME/noop      answers ok
//
// and 404 for any other operation.
package countertest
