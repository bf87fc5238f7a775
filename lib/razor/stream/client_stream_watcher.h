#pragma once
// ClientStreamWatcher: who is told when a ClientStream can take calls again, and when it cannot any more. A pool is one.

namespace razor::stream {

/// Threads: the stream's.
class ClientStreamWatcher {
 public:
  /// There is room, after `ClientStream::has_room` said that there is none. Calls may be started here; no completion runs
  /// below it, so it must not destroy the stream.
  virtual void on_room() = 0;
  /// The stream is not open any more, whatever the reason (ClientStream::end_reason). What it carries may still be answered.
  /// Called from anywhere within the stream: only to be noted.
  virtual void on_not_open() = 0;
  /// The server's machine acknowledges what is sent, and its process does not answer pings: it is stopped, or busy with a
  /// long computation. The stream stays open, and what was sent may still be answered. Only to be noted, as above.
  virtual void on_silent() {}
  /// Bytes came after `on_silent`. Only to be noted, as above.
  virtual void on_heard() {}

 protected:
  ~ClientStreamWatcher() = default;
};

}  // namespace razor::stream
