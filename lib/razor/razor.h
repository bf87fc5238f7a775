#pragma once
// The front door of razor-rpc: everything a service and its callers need.
//
//   base/      errors, results, bytes, time, logs
//   runtime/   the seam: Runtime {Clock, Executor, Random, Network}; Task, Event, BoundedQueue, when_all, with_deadline;
//              Transport, InProcess, StreamDecorator
//     asio/    the Runtime of production
//   wire/      frames and msgpack: pure bytes
//   stream/    connections: ClientStream, ClientTask; RpcServer, Dispatch; RemoteChannel: to another thread's
//   pool/      many connections, to one address or several: ClientPool, FailoverPool
//   api/       services: RAZOR_SERVICE, Call, Client, Reply, Server
//
// Files that only define or implement services include less: <razor/service.h>. Programs that are written with Boost.Asio include
// <razor/asio.h> too, and those with types of msgpack-cxx "razor/wire/msgpack_adaptor.h".
//
// A call goes down from api/client.h over pool/pool_core.cc and stream/client_stream.h to runtime/byte_stream.h, and up again from
// stream/server_stream.h over api/dispatch.h to the handler.

#include "razor/api/client.h"
#include "razor/api/refusal.h"
#include "razor/api/server.h"
#include "razor/api/server_group.h"
#include "razor/api/service.h"
#include "razor/pool/client_pool.h"
#include "razor/pool/failover_pool.h"
#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/asio/asio_threads.h"
#include "razor/runtime/asio/restart.h"
#include "razor/runtime/bounded_queue.h"
#include "razor/runtime/event.h"
#include "razor/runtime/in_process.h"
#include "razor/runtime/stream_decorator.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"
#include "razor/stream/client_stream.h"
#include "razor/stream/remote_channel.h"
#include "razor/stream/rpc_server.h"
