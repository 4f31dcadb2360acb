// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// Callbacks: what one answers, and how a lambda becomes one. Functions of the library take a
/// function pointer and a `void*` that it is called with; beside each stands a template that takes
/// any function object, made of what is here.
#ifndef TCPINFO_CALLBACK_H
#define TCPINFO_CALLBACK_H

#include <cstdint>
#include <memory>
#include <type_traits>

#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// What a callback answers. The function that calls it says what becomes of the rest. Values are
/// frozen.
enum class iteration : std::uint32_t {
  go_on = 0,  ///< the next one, please
  stop = 1,   ///< no more: the function returns errc::stopped
};

/// A function object (a lambda, or a pointer to a function in a variable) that can be called with
/// an `Argument` and returns `iteration`, or nothing, which is to go on. Any other result is
/// refused: whether `true` were to stop, one could only guess.
template <class F, class Argument>
concept visitor = std::is_object_v<F> && std::is_invocable_v<F&, const Argument&> &&
    (std::is_void_v<std::invoke_result_t<F&, const Argument&>> ||
     std::is_same_v<std::invoke_result_t<F&, const Argument&>, iteration>);

/// The function pointer for a function object of type `F`, which `user` points at (visitor_of()).
/// The object must not throw: an exception ends the process.
template <class F, class Argument>
requires visitor<F, Argument> iteration visit_with(void* user, const Argument& argument)
noexcept {
  F& fn = *static_cast<F*>(user);
  if constexpr (std::is_void_v<std::invoke_result_t<F&, const Argument&>>) {
    fn(argument);
    return iteration::go_on;
  } else {
    return fn(argument);
  }
}

/// The `user` that belongs to visit_with(): where the function object is. Owned by the caller.
template <class F>
[[nodiscard]] void* visitor_of(F& fn TCPINFO_LIFETIMEBOUND) noexcept {
  return const_cast<void*>(static_cast<const void*>(std::addressof(fn)));
}

}  // namespace tcpinfo::inline v0

#endif
