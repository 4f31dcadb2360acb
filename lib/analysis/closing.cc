// SPDX-License-Identifier: Apache-2.0
#include "analysis/closing.h"

namespace tcpinfo::analysis {

std::string_view closing_text(closing c) noexcept {
  switch (c) {
    case closing::open:
      return "open";
    case closing::fin_local:
      return "FIN by us";
    case closing::fin_remote:
      return "FIN by them";
    case closing::fin_both:
      return "FIN by both";
    case closing::fin:
      return "FIN";
    case closing::aborted:
      return "aborted here";
    case closing::rst:
      return "RST";
    case closing::timeout:
      return "timeout";
    case closing::no_connect:
      return "no connect";
    case closing::unknown:
      break;
  }
  return "?";
}

std::string_view closing_name(closing c) noexcept {
  switch (c) {
    case closing::open:
      return "";
    case closing::fin_local:
      return "fin_local";
    case closing::fin_remote:
      return "fin_remote";
    case closing::fin_both:
      return "fin_both";
    case closing::fin:
      return "fin";
    case closing::aborted:
      return "aborted";
    case closing::rst:
      return "rst";
    case closing::timeout:
      return "timeout";
    case closing::no_connect:
      return "no_connect";
    case closing::unknown:
      break;
  }
  return "unknown";
}

}  // namespace tcpinfo::analysis
