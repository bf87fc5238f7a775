#pragma once
// The rules of faults/contract.md, in a sentence each, for readers of a page (page.h) who do not have it before them.

#include <array>
#include <string_view>

namespace razor::faults {

/// By number, from 1.
inline constexpr std::array<std::string_view, 39> kRuleMeanings{
    "Every call ends exactly once, whatever goes wrong: a caller is never left waiting for ever, and never told twice.",
    "A call has ended at the latest when its deadline has passed, and one tick more: an eighth of its timeout, between 10 ms "
    "and 1 s, or what a setting says.",
    "No call is reported as timed out before its deadline.",
    "Closing ends all calls and returns within its limit, even when the peer is dead or hostile.",
    "Once close has returned, no call ends any more.",
    "An answer reaches the call that it answers, and no other.",
    "What arrives is, byte for byte, what was sent.",
    "Each request on a connection has a number of its own, higher than all before.",
    "Answers that come late, twice or to nobody change nothing; one to a request that was never sent closes the connection.",
    "The error that a handler returns reaches its caller as it is: it is not turned into an error of the library.",
    "A success comes with the result that was promised, never with a default in its place.",
    "A call that is not marked as safe to repeat is executed at most once, over all servers, connections and restarts.",
    "When a caller is told that its call did not run, it did not; when it is told that it did, it did.",
    "A call that may be repeated is tried only as often as its limit says, with pauses in between, and never after its deadline.",
    "A call that could not be sent goes over another connection, without the caller noticing and without counting as a try.",
    "A server answers each request exactly once, also when its handler throws, forgets to answer or answers twice.",
    "A server does not begin work whose answer nobody can get any more, or whose deadline has passed.",
    "On one connection requests are handled in the order in which they were submitted.",
    "Under full load, timers and other connections still get their turn.",
    "A connection never has more unanswered calls than its window, and a server never more requests at work than its limit.",
    "There are never more connections to an address than allowed; they grow one at a time, and only while they are needed.",
    "What waits on the client's side is bounded, in calls and in bytes.",
    "A connection uses little more memory than what it has received, whatever a peer announces.",
    "A peer that reads slowly costs a bounded amount of memory, and one that does not read at all is disconnected.",
    "When all is over, everything is given back: memory, descriptors, timers and tasks.",
    "A peer that is silent for too long while something is owed is taken for dead, and its calls end or move elsewhere.",
    "Soon after the last fault is over, every address that can be reached is in use again, and calls succeed.",
    "A change of the server addresses loses no call.",
    "No broken address is chosen while a healthy one exists.",
    "Attempts to connect again come with growing, random pauses, so that a server is not overrun.",
    "A server that is asked to stop answers everything it has begun, and says of all else that it did not run.",
    "A restart that hands over the listening sockets fails no connection and no repeatable call.",
    "A server goes on accepting connections after any error while accepting, without burning the processor.",
    "Nothing that a peer sends can crash, block or corrupt a process: the damage ends at its own connection.",
    "A call that cannot be encoded, or is too large, fails alone.",
    "An exception in the user's code is caught and reported.",
    "Only clocks that never jump are used.",
    "In simulation, the same seed gives the same run, to the last event.",
    "Encrypted connections verify their peer, and never fall back to plain ones.",
};

}  // namespace razor::faults
