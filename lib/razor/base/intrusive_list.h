#pragma once
// A doubly linked list whose links live in the elements: no allocation, removal of a known element in constant time,
// and an element that is destroyed leaves its list by itself.

#include <cstddef>

#include "razor/base/check.h"

namespace razor::base {

/// The links of one membership. A type that sits in several lists at a time derives from `ListLink` once per Tag.
template <class Tag = void>
class ListLink {
 public:
  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  /// Takes `other`'s place in its list.
  ListLink(ListLink&& other) noexcept { take_place_of(other); }
  ~ListLink() { unlink(); }

  bool is_linked() const { return next_ != this; }

  void unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = this;
  }

  void take_place_of(ListLink& other) {
    unlink();
    if (!other.is_linked()) return;
    insert_before(other);
    other.unlink();
  }

  void insert_before(ListLink& position) {
    previous_ = position.previous_;
    next_ = &position;
    previous_->next_ = this;
    position.previous_ = this;
  }

 private:
  template <class, class>
  friend class IntrusiveList;

  ListLink* next_ = this;
  ListLink* previous_ = this;
};

/// A list of T, where T derives from ListLink<Tag>. Does not own its elements. Neither copyable nor movable.
template <class T, class Tag = void>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  /// Elements that are still linked stay alive, in no list.
  ~IntrusiveList() { clear(); }

  bool empty() const { return !head_.is_linked(); }
  /// Only while it is not empty.
  T& front() { return element(*head_.next_); }
  T& back() { return element(*head_.previous_); }

  /// `element` must be in no list.
  void push_back(T& element) { link_of(element).insert_before(head_); }
  void push_front(T& element) { link_of(element).insert_before(*head_.next_); }

  /// The first element, now in no list; null when the list is empty.
  T* pop_front() {
    if (empty()) return nullptr;
    T& first = front();
    link_of(first).unlink();
    return &first;
  }

  /// The last element, now in no list; null when the list is empty.
  T* pop_back() {
    if (empty()) return nullptr;
    T& last = back();
    link_of(last).unlink();
    return &last;
  }

  /// Moves all of `other`'s elements behind this list's.
  void splice_back(IntrusiveList& other) {
    if (other.empty()) return;
    ListLink<Tag>& first = *other.head_.next_;
    ListLink<Tag>& last = *other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first.previous_ = head_.previous_;
    head_.previous_->next_ = &first;
    last.next_ = &head_;
    head_.previous_ = &last;
  }

  void clear() {
    while (pop_front() != nullptr) {
    }
  }

  /// Calls `visit(T&)` on each element, front to back; `visit` may remove the element it is given, and no other.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (ListLink<Tag>* link = head_.next_; link != &head_;) {
      ListLink<Tag>* next = link->next_;
      visit(element(*link));
      link = next;
    }
  }

  /// Counts by walking.
  std::size_t size() const {
    std::size_t count = 0;
    for (const ListLink<Tag>* link = head_.next_; link != &head_; link = link->next_) ++count;
    return count;
  }

 private:
  static ListLink<Tag>& link_of(T& element) { return static_cast<ListLink<Tag>&>(element); }
  static T& element(ListLink<Tag>& link) { return static_cast<T&>(link); }

  ListLink<Tag> head_;
};

}  // namespace razor::base
