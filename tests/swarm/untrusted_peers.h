#pragma once
// Untrusted peers: hosts that do not keep to the protocol. An attacker sends servers what they must survive; an impostor listens
// where callers expect a server, and answers what no server would.

#include "razor/runtime/runtime.h"
#include "tests/swarm/scene.h"

namespace razor::swarm {

/// Sends hostile bytes to servers, one connection for each attack.
class Attacker {
 public:
  Attacker(Scene& scene, std::string name) : scene_(scene), name_(std::move(name)) { host(); }
  Attacker(const Attacker&) = delete;

  const std::string& name() const { return name_; }
  sim::Host& host() const { return scene_.world.host(name_); }
  /// One attack, of a kind that `random` chooses.
  void attack(const std::string& server, base::RandomStream& random);

 private:
  static runtime::Task<void> run(Runtime& runtime, Scene& scene, std::string attacker, std::string server,
                                 std::uint64_t seed);

  Scene& scene_;
  std::string name_;
};

/// Listens as servers do. What it answers is drawn anew for each request.
class Impostor {
 public:
  Impostor(Scene& scene, std::string name);
  Impostor(const Impostor&) = delete;

  sim::Host& host() const { return scene_.world.host(name_); }

 private:
  static runtime::Task<void> serve(Runtime& runtime, Scene& scene, std::string name);
  static runtime::Task<void> talk(Runtime& runtime, Scene& scene, std::string name,
                                  std::unique_ptr<runtime::ByteStream> stream, std::uint64_t seed);

  Scene& scene_;
  std::string name_;
};

}  // namespace razor::swarm
