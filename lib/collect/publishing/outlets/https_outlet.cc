// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/outlets/https_outlet.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace tcpinfo::collect {
namespace {

constexpr long connect_seconds = 30;
// One that takes less than a byte a second for so long is away.
constexpr long silent_seconds = 60;

struct header_list {
  curl_slist* list = nullptr;
  header_list() = default;
  ~header_list() { curl_slist_free_all(list); }
  header_list(const header_list&) = delete;
  header_list& operator=(const header_list&) = delete;

  void add(const std::string& line) {
    curl_slist* const longer = curl_slist_append(list, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list = longer;
  }
};

struct handle_end {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};

// What is being sent.
struct upload {
  int descriptor = -1;
  std::uint64_t offset = 0;
  std::uint64_t left = 0;
  const may_wait* may = nullptr;
  bool unreadable = false;
};

std::size_t give(char* to, std::size_t size, std::size_t count, void* user) noexcept {
  auto& from = *static_cast<upload*>(user);
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(size * count, from.left));
  const ssize_t n = ::pread(from.descriptor, to, most, static_cast<off_t>(from.offset));
  from.unreadable = n < 0;
  if (n < 0) return CURL_READFUNC_ABORT;
  from.offset += static_cast<std::uint64_t>(n);
  from.left -= static_cast<std::uint64_t>(n);
  return static_cast<std::size_t>(n);
}

int rewind_to(void* user, curl_off_t offset, int origin) noexcept {
  auto& from = *static_cast<upload*>(user);
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  const std::uint64_t size = from.offset + from.left;
  from.offset = static_cast<std::uint64_t>(offset);
  from.left = size - std::min(size, from.offset);
  return CURL_SEEKFUNC_OK;
}

int look_up(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  try {
    return (*static_cast<upload*>(user)->may)() ? 0 : 1;
  } catch (...) {
    return 1;
  }
}

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) noexcept {
  return size * count;
}

class https_outlet final : public segment_outlet {
 public:
  https_outlet(const publish_url& url, std::vector<std::string> headers)
      : url_(url), headers_(std::move(headers)), handle_(curl_easy_init()) {
    if (handle_ == nullptr) throw std::bad_alloc();
  }

  [[nodiscard]] send_result send_segment(const whole_segment& segment,
                                         const may_wait& may) override;

 private:
  template <class Value>
  void set(CURLoption what, Value value) {
    if (const CURLcode code = curl_easy_setopt(handle_.get(), what, value); code != CURLE_OK) {
      if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
      refused_ = code;
    }
  }

  const publish_url url_;
  const std::vector<std::string> headers_;
  const std::unique_ptr<CURL, handle_end> handle_;
  CURLcode refused_ = CURLE_OK;  // an option that this libcurl has not
};

send_result https_outlet::send_segment(const whole_segment& segment, const may_wait& may) {
  header_list headers;
  headers.add("Content-Type: application/zstd");
  headers.add(fmt::format("Tcpinfo-Id: {}", segment.id));
  // Without waiting for an answer between head and body, which some servers never give.
  headers.add("Expect:");
  for (const std::string& line : headers_) headers.add(line);
  const std::string where = fmt::format("https://{}{}{}/{}", url_.servers,
                                        url_.path.empty() ? "" : "/", url_.path, segment.name);
  upload from{segment.descriptor, 0, segment.size, &may};
  char text[CURL_ERROR_SIZE] = {};
  // Connections stay open over a reset.
  curl_easy_reset(handle_.get());
  refused_ = CURLE_OK;
  set(CURLOPT_URL, where.c_str());
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!url_.ca.empty()) {
    set(CURLOPT_CAINFO, url_.ca.c_str());
    // And no others.
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(segment.size));
  set(CURLOPT_READFUNCTION, give);
  set(CURLOPT_READDATA, static_cast<void*>(&from));
  set(CURLOPT_SEEKFUNCTION, rewind_to);
  set(CURLOPT_SEEKDATA, static_cast<void*>(&from));
  set(CURLOPT_WRITEFUNCTION, ignore);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, look_up);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&from));
  set(CURLOPT_HTTPHEADER, headers.list);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, connect_seconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, silent_seconds);
  set(CURLOPT_ERRORBUFFER, text);
  CURLcode code = refused_;
  if (code == CURLE_OK) code = curl_easy_perform(handle_.get());
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLE_OK)
    return {.fault = text[0] != '\0' ? std::string(text) : curl_easy_strerror(code),
            .unreadable = from.unreadable};
  long status = 0;
  (void)curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 200 || status == 201 || status == 204) return {.all = true};
  return {.fault = fmt::format("the server answers {}", status)};
}

// Lines of a file of credentials. False: one is no header.
bool take_headers(std::string_view text, std::vector<std::string>& out) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    const auto is_of_name = [](char c) { return c > ' ' && c < 0x7f; };
    if (colon == 0 || colon == std::string_view::npos ||
        !std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon), is_of_name) ||
        line.find('\0') != std::string_view::npos || line.find('\r') != std::string_view::npos)
      return false;
    out.emplace_back(line);
  }
  return true;
}

}  // namespace

bool https_available() noexcept { return true; }

std::unique_ptr<outlet> make_https_outlet(const publish_url& url, std::string_view secret,
                                          std::string& why) {
  // Before there are threads that use it.
  static const CURLcode begun = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (begun != CURLE_OK) {
    why = curl_easy_strerror(begun);
    return nullptr;
  }
  std::vector<std::string> headers;
  if (!take_headers(secret, headers)) {
    why = fmt::format("{}: a line is no header (\"Authorization: Bearer …\")", url.credentials);
    return nullptr;
  }
  if (!url.ca.empty() && ::access(url.ca.c_str(), R_OK) != 0) {
    why = fmt::format("{}: cannot be read", url.ca);
    return nullptr;
  }
  return std::make_unique<https_outlet>(url, std::move(headers));
}

}  // namespace tcpinfo::collect
