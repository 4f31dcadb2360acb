// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/erase_judge.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "common/blank_line.h"

namespace tcpinfo::offline {
namespace {

// As the other byte order has its two words.
std::uint64_t turned_cookie(std::uint64_t cookie) {
  std::uint64_t turned = 0;
  for (unsigned at = 0; at < 64; at += 8) turned |= (cookie >> at & 0xffU) << (at ^ 24U);
  return turned;
}

}  // namespace

erase_judge::erase_judge(const std::vector<ip_prefix>& networks, const path_keys& keys,
                         carried_contexts& carried)
    : networks_(networks), keys_(keys), carried_(carried) {}

void erase_judge::begin_file(const std::string& path) {
  file_ = path_ = path;
  at_ = {};
  at_.context = context_of_name(path, path);
  remembered_.clear();
  at_begin_ = true;
  damaged_ = met_damage_ = false;
  known_context_ = nullptr;
  latest_ = {};
}

void erase_judge::begin_archive(const std::string& path, const metadata* about, bool goes_on) {
  path_ = path;
  at_ = {};
  at_begin_ = !goes_on;
  // What is missing of one that begins here stands behind its beginning.
  damaged_ = goes_on && met_damage_;
  // Metadata that is kept as text stands only where its archive begins.
  at_.context = goes_on && !path.empty() ? remembered_.find(path) : nullptr;
  if (at_.context == nullptr && goes_on && !path.empty()) {
    at_.context = carried_.find(file_, path);
    damaged_ |= at_.context != nullptr && carried_.met_damage(file_);
  }
  if (at_.context == nullptr) at_.context = context_of_archive(path, {});
  if (about != nullptr) at_.context = context_of_metadata(*at_.context, *about);
  known_context_ = nullptr;
  latest_ = {};
}

bool erase_judge::contains(const ip_address& a) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&a](const ip_prefix& network) { return network.contains(a); });
}

// Of what at_ says. Most lines are of the same connection as the line before.
judged erase_judge::owner() {
  const std::uint64_t cookie = at_.has_message ? at_.m.cookie() : 0;
  if (known_context_ == at_.context.get() && known_context_ != nullptr && known_cookie_ == cookie &&
      known_message_ == at_.has_message)
    return known_;
  const std::string key = at_.connection_key();
  known_ = {};
  known_.owned = !key.empty();
  if (known_.owned) known_.owner = keys_(key);
  known_context_ = at_.context.get();
  known_cookie_ = cookie;
  known_message_ = at_.has_message;
  return known_;
}

judged erase_judge::by_name() {
  at_.has_message = false;
  return owner();
}

judged erase_judge::about() { return latest_ = by_name(); }

// Whether the message is of another connection than the metadata before it.
bool erase_judge::is_doubtful(const message& m) const {
  std::uint64_t said = 0;
  if (at_.context->source != uuid_source::metadata || parse_uuid_cookie(at_.context->uuid, said))
    return false;
  const bool native = at_.context->big_endian == (std::endian::native == std::endian::big);
  const std::uint64_t cookie = m.cookie();
  return said != (native ? cookie : turned_cookie(cookie));
}

judged erase_judge::message_of(const message& m) {
  at_begin_ = false;
  at_.m = m;
  at_.has_message = true;
  if (damaged_ && is_doubtful(m)) at_.context = context_with_doubt(*at_.context);
  judged is = owner();
  latest_ = is;
  const socket_id ends = m.id();
  is.message = true;
  is.in_networks = contains(ends.src) || contains(ends.dst);
  return is;
}

judged erase_judge::line(std::string_view text) {
  // A byte-order mark before the first line is none of it, as for all readers. Before another line
  // it makes that a bad one for them. A record is judged by its addresses all the same: where what
  // stands before it is erased it becomes the first.
  constexpr std::string_view bom = "\xef\xbb\xbf";
  const bool has_bom = text.starts_with(bom);
  if (has_bom) text.remove_prefix(bom.size());
  const bool heard = std::exchange(at_begin_, false) || !has_bom;
  const std::error_code ec = parsed_.parse(text);
  if (!ec && heard && parsed_.has_metadata()) {
    metadata said;
    if (parsed_.get_metadata(said)) {
      at_.context = context_of_metadata(*at_.context, said);
      if (at_.context->in_segment && !path_.empty()) {
        remembered_.keep(path_, at_.context);
        carried_.keep(file_, path_, at_.context);
      }
    }
    if (!parsed_.has_idm()) return latest_ = by_name();
  }
  if (!ec && parsed_.has_idm()) return message_of(parsed_.view());
  // It goes with what it stands behind.
  judged is = latest_.owned ? latest_ : by_name();
  is.unread = !is_blank(text);
  return is;
}

}  // namespace tcpinfo::offline
