// SPDX-License-Identifier: Apache-2.0
#include "collect/control/mlab_flags.h"

#include <utility>

namespace tcpinfo::collect {
namespace {

// Of versions before 2019, and still in the README: a port, without an address.
constexpr std::string_view older_listen_address = "prom";

struct mlab_flag {
  std::string_view theirs;
  std::string_view ours;  ///< empty: accepted, and ignored
};
constexpr mlab_flag mlab_flags[] = {
    {"prometheusx.listen-address", "prometheus"},
    {older_listen_address, "prometheus"},
    {"output", "output"},
    {"uuid-prefix-file", "uuid-prefix-file"},
    {"tcpinfo.eventsocket", "eventsocket"},
    {"exclude-srcport", "exclude-srcport"},
    {"exclude-dstip", "exclude-dstip"},
    {"anonymize.ip", "anonymize"},
    {"reps", "reps"},
    {"trace", ""},
    {"logx.debug", ""},
};

const mlab_flag* find_mlab_flag(std::string_view name) {
  for (const mlab_flag& flag : mlab_flags)
    if (flag.theirs == name) return &flag;
  return nullptr;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The name in "-name", "--name", "-name=value" and "--name=value".
std::string_view name_of(std::string_view argument) {
  argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
  return argument.substr(0, argument.find('='));
}

// As M-Lab's collector makes variables of flags.
std::string shell_name(std::string_view flag) {
  std::string name;
  for (const char c : flag) {
    const bool digit = c >= '0' && c <= '9';
    const bool lower = c >= 'a' && c <= 'z';
    const bool upper = c >= 'A' && c <= 'Z';
    if (digit && name.empty()) name += '_';
    name += lower ? static_cast<char>(c - 'a' + 'A') : digit || upper ? c : '_';
  }
  return name;
}

}  // namespace

translated_arguments translate_mlab_flags(std::span<const char* const> arguments) {
  translated_arguments result;
  bool flags = true;
  bool port_follows = false;
  for (const char* const argument : arguments) {
    const std::string_view text = argument;
    if (std::exchange(port_follows, false)) {
      result.arguments.push_back((all_digits(text) ? ":" : "") + std::string(text));
      continue;
    }
    flags = flags && text != "--";
    const mlab_flag* const known =
        flags && text.size() > 1 && text.starts_with('-') ? find_mlab_flag(name_of(text)) : nullptr;
    if (known == nullptr) {
      result.arguments.emplace_back(text);
      continue;
    }
    if (known->ours.empty()) {
      result.ignored.emplace_back(text);
      continue;
    }
    std::string& ours = result.arguments.emplace_back("--" + std::string(known->ours));
    const std::size_t equals = text.find('=');
    const bool is_port = known->theirs == older_listen_address;
    if (equals == std::string_view::npos) {
      port_follows = is_port;
      continue;
    }
    const std::string_view value = text.substr(equals + 1);
    ours += is_port && all_digits(value) ? "=:" : "=";
    ours += value;
  }
  return result;
}

std::string environment_name(std::string_view flag) {
  for (const mlab_flag& known : mlab_flags)
    if (known.ours == flag) return shell_name(known.theirs);
  return "TCPINFO_" + shell_name(flag);
}

std::vector<std::string> environment_flags(std::span<const std::string> flags,
                                           std::span<const std::string> given,
                                           const environment& value_of) {
  const auto is_given = [&](const std::string& flag) {
    for (const std::string& argument : given) {
      if (argument == "--") return false;
      if (argument.starts_with("--") && name_of(argument) == flag) return true;
    }
    return false;
  };
  std::vector<std::string> result;
  for (const std::string& flag : flags) {
    if (is_given(flag)) continue;
    const auto value = value_of(environment_name(flag));
    if (value && !value->empty()) result.push_back("--" + flag + "=" + *value);
  }
  return result;
}

}  // namespace tcpinfo::collect
