// SPDX-License-Identifier: Apache-2.0
// The adapter of nghttp2's client session: one POST per query, many streams at once.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>

#include "upstream/framing.h"
#include "upstream/message.h"

namespace upstream {
namespace {

constexpr std::string_view kMediaType = "application/dns-message";
constexpr std::size_t kMaxStreams = 512, kMaxOutput = 4u << 20;

struct Request {
  Framing::Tag tag = 0;
  std::string body;
  std::size_t sent = 0;
  std::string status, type, reply;
  bool too_long = false;
};

class Http2Framing final : public Framing {
 public:
  Http2Framing(HttpTarget target, OnReply on_reply);
  ~Http2Framing() override { nghttp2_session_del(session_); }
  Http2Framing(const Http2Framing&) = delete;
  Http2Framing& operator=(const Http2Framing&) = delete;

  void Open() override {
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1u << 17},
                                               {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16384}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  }
  base::Result<> Submit(Tag tag, std::string_view query) override;
  void Forget(Tag tag) override;
  base::Result<> Feed(std::string_view bytes) override;
  base::Result<std::string_view> Output() override;
  void Written(std::size_t bytes) override { output_.erase(0, bytes); }

 private:
  static Http2Framing* Self(void* user) { return static_cast<Http2Framing*>(user); }
  Request* Find(std::int32_t stream) {
    const auto found = requests_.find(stream);
    return found == requests_.end() ? nullptr : &found->second;
  }
  void Close(std::int32_t stream, std::uint32_t error);
  void OnHeader(std::int32_t stream, std::string_view name, std::string_view value);
  void OnData(std::int32_t stream, std::string_view bytes);

  HttpTarget target_;
  OnReply on_reply_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Request> requests_;
  std::string output_;
  bool refuses_ = false;  // GOAWAY was received
};

Http2Framing::Http2Framing(HttpTarget target, OnReply on_reply)
    : target_(std::move(target)), on_reply_(std::move(on_reply)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return;
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
        Self(user)->OnHeader(frame->hd.stream_id, {reinterpret_cast<const char*>(name), name_size},
                             {reinterpret_cast<const char*>(value), value_size});
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data, std::size_t size,
                    void* user) {
        Self(user)->OnData(stream, {reinterpret_cast<const char*>(data), size});
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t stream, std::uint32_t error, void* user) {
        Self(user)->Close(stream, error);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_GOAWAY) Self(user)->refuses_ = true;
        return 0;
      });
  if (nghttp2_session_client_new(&session_, callbacks, this) != 0) session_ = nullptr;
  nghttp2_session_callbacks_del(callbacks);
}

base::Result<> Http2Framing::Submit(Tag tag, std::string_view query) {
  if (session_ == nullptr || refuses_ || requests_.size() >= kMaxStreams || query.size() < kDnsHeaderBytes) {
    return base::Fail(base::ErrorKind::kLimit, "the HTTP/2 connection takes no more questions");
  }
  const std::string length = std::to_string(query.size());
  const auto pair = [](std::string_view name, std::string_view value) {
    return nghttp2_nv{reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NONE};
  };
  const nghttp2_nv headers[] = {pair(":method", "POST"),         pair(":scheme", "https"),
                                pair(":authority", target_.authority), pair(":path", target_.path),
                                pair("accept", kMediaType),      pair("content-type", kMediaType),
                                pair("content-length", length)};
  nghttp2_data_provider body{};
  body.read_callback = [](nghttp2_session*, std::int32_t stream, std::uint8_t* buffer, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source*, void* user) -> ssize_t {
    Request* request = Self(user)->Find(stream);
    if (request == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t part = std::min(size, request->body.size() - request->sent);
    std::memcpy(buffer, request->body.data() + request->sent, part);
    request->sent += part;
    if (request->sent == request->body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(part);
  };
  const std::int32_t stream = nghttp2_submit_request(session_, nullptr, headers, std::size(headers), &body, nullptr);
  if (stream < 0) return base::Fail(base::ErrorKind::kIo, std::string("HTTP/2: ") + nghttp2_strerror(stream));
  Request& request = requests_[stream];
  request.tag = tag;
  request.body = query;
  SetId(request.body, 0);  // RFC 8484 §4.1
  return {};
}

void Http2Framing::Forget(Tag tag) {
  for (auto& [stream, request] : requests_) {
    if (request.tag != tag) continue;
    request.tag = 0;
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  }
}

void Http2Framing::OnHeader(std::int32_t stream, std::string_view name, std::string_view value) {
  Request* request = Find(stream);
  if (request == nullptr) return;
  if (name == ":status") request->status = value;
  if (name == "content-type") request->type = value;
}

void Http2Framing::OnData(std::int32_t stream, std::string_view bytes) {
  Request* request = Find(stream);
  if (request == nullptr || request->too_long) return;
  if (request->reply.size() + bytes.size() > kMaxDnsBytes) {
    request->too_long = true;
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    return;
  }
  request->reply += bytes;
}

void Http2Framing::Close(std::int32_t stream, std::uint32_t error) {
  const auto found = requests_.find(stream);
  if (found == requests_.end()) return;
  const Request request = std::move(found->second);
  requests_.erase(found);
  if (request.tag == 0) return;
  // A media type may carry parameters.
  const bool right_type = request.type.starts_with(kMediaType) &&
                          (request.type.size() == kMediaType.size() || request.type[kMediaType.size()] == ';');
  if (error == NGHTTP2_NO_ERROR && !request.too_long && request.status == "200" && right_type &&
      request.reply.size() >= kDnsHeaderBytes) {
    return on_reply_(request.tag, request.reply);
  }
  on_reply_(request.tag, base::Fail(base::ErrorKind::kIo, request.too_long ? "the resolver's answer is over 65,535 bytes"
                                                                           : "the resolver gave no DNS message"));
}

base::Result<> Http2Framing::Feed(std::string_view bytes) {
  if (session_ == nullptr) return base::Fail(base::ErrorKind::kLimit, "HTTP/2: out of memory");
  const ssize_t used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used != static_cast<ssize_t>(bytes.size())) {
    return base::Fail(base::ErrorKind::kIo, std::string("HTTP/2: ") + nghttp2_strerror(static_cast<int>(used)));
  }
  if (!nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_)) {
    return base::Fail(base::ErrorKind::kIo, "the resolver ended the HTTP/2 session");
  }
  return {};
}

base::Result<std::string_view> Http2Framing::Output() {
  while (session_ != nullptr && output_.size() < kMaxOutput) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) return base::Fail(base::ErrorKind::kIo, std::string("HTTP/2: ") + nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) break;
    output_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  return std::string_view(output_);
}

}  // namespace

std::unique_ptr<Framing> MakeHttp2Framing(HttpTarget target, Framing::OnReply on_reply) {
  return std::make_unique<Http2Framing>(std::move(target), std::move(on_reply));
}

}  // namespace upstream
