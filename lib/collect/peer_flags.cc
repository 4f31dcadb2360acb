// SPDX-License-Identifier: Apache-2.0
#include "collect/peer_flags.h"

namespace tcpinfo::collect {
namespace {

struct peer_flag {
  std::string_view peers;
  std::string_view ours;  ///< empty: accepted, and ignored
};
constexpr peer_flag peer_flags[] = {
    {"prometheusx.listen-address", "prometheus"},
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

const peer_flag* find_peer_flag(std::string_view name) {
  for (const peer_flag& flag : peer_flags)
    if (flag.peers == name) return &flag;
  return nullptr;
}

// As the peer makes variables of flags.
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

translated_arguments translate_peer_flags(std::span<const char* const> arguments) {
  translated_arguments result;
  bool flags = true;
  for (const char* const argument : arguments) {
    const std::string_view text = argument;
    flags = flags && text != "--";
    const std::size_t equals = text.find('=');
    const peer_flag* known = nullptr;
    if (flags && text.starts_with('-'))
      known = find_peer_flag(text.substr(1, equals == text.npos ? equals : equals - 1));
    if (known == nullptr) {
      result.arguments.emplace_back(text);
    } else if (known->ours.empty()) {
      result.ignored.emplace_back(text);
    } else {
      result.arguments.push_back("--" + std::string(known->ours));
      if (equals != text.npos) result.arguments.back() += text.substr(equals);
    }
  }
  return result;
}

std::string environment_name(std::string_view flag) {
  for (const peer_flag& known : peer_flags)
    if (known.ours == flag) return shell_name(known.peers);
  return "TCPINFO_" + shell_name(flag);
}

std::vector<std::string> environment_flags(std::span<const std::string> flags,
                                           const environment& value_of) {
  std::vector<std::string> result;
  for (const std::string& flag : flags) {
    const auto value = value_of(environment_name(flag));
    if (value && !value->empty()) result.push_back("--" + flag + "=" + *value);
  }
  return result;
}

}  // namespace tcpinfo::collect
