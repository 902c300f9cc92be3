// SPDX-License-Identifier: Apache-2.0
// The encrypted resolver of the tests.
#include "upstream/tls_server_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

namespace upstream {
namespace {

X509* MakeCertificate(EVP_PKEY* key, const char* name, const std::string& alt_names, X509* issuer, EVP_PKEY* issuer_key,
                      long valid_until) {
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  static std::atomic<long> serial = 1;
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_until);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer == nullptr ? certificate : issuer));
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer == nullptr ? certificate : issuer, certificate, nullptr, nullptr, 0);
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    if (extension == nullptr) throw std::runtime_error("a certificate extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (!alt_names.empty()) extend(NID_subject_alt_name, alt_names);
  X509_sign(certificate, issuer == nullptr ? key : issuer_key, EVP_sha256());
  return certificate;
}

bool ReadExactly(SSL* ssl, std::string* bytes, std::size_t count) {
  bytes->resize(count);
  for (std::size_t at = 0; at < count;) {
    const int got = SSL_read(ssl, bytes->data() + at, static_cast<int>(count - at));
    if (got <= 0) return false;
    at += static_cast<std::size_t>(got);
  }
  return true;
}

bool WriteFrame(SSL* ssl, const std::string& reply) {
  std::string frame{static_cast<char>(reply.size() >> 8), static_cast<char>(reply.size())};
  frame += reply;
  return SSL_write(ssl, frame.data(), static_cast<int>(frame.size())) == static_cast<int>(frame.size());
}

int ChooseH2(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned length, void* http1) {
  for (unsigned at = 0; http1 == nullptr && at < length; at += 1 + in[at]) {
    if (in[at] == 2 && std::memcmp(in + at + 1, "h2", 2) == 0) {
      *out = in + at + 1;
      *size = 2;
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

TlsServer::TlsServer(TlsServerOptions options, Handler handler) : options_(std::move(options)), handler_(std::move(handler)) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
  EVP_PKEY* authority_key = EVP_EC_gen("P-256");
  EVP_PKEY* key = EVP_EC_gen("P-256");
  static std::atomic<int> number = 0;  // an issuer is found by its name
  const std::string authority_name = "Test Authority " + std::to_string(++number);
  X509* authority = MakeCertificate(authority_key, authority_name.c_str(), "", nullptr, nullptr, 3600);
  // The name as the subject's common name must not count.
  X509* certificate = MakeCertificate(key, "dns.example", options_.alt_names, authority, authority_key, options_.valid_until);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, authority);
  char* pem = nullptr;
  const long size = BIO_get_mem_data(bio, &pem);
  authority_.assign(pem, static_cast<std::size_t>(size));
  BIO_free(bio);
  context_ = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(context_, certificate);
  SSL_CTX_use_PrivateKey(context_, key);
  if (options_.max_version != 0) {
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, options_.max_version);
    SSL_CTX_set_max_proto_version(context_, options_.max_version);
  }
  if (options_.speaks == Speaks::kDoh) {
    SSL_CTX_set_alpn_select_cb(context_, ChooseH2, options_.answers_http1 ? this : nullptr);
  }
  X509_free(certificate);
  X509_free(authority);
  EVP_PKEY_free(key);
  EVP_PKEY_free(authority_key);
  Listen();
}

void TlsServer::Listen() {
  listener_ = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("the test server can't listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] {
    for (;;) {
      const int socket = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket] { Serve(socket); });
    }
  });
}

TlsServer::~TlsServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
  SSL_CTX_free(context_);
}

std::string TlsServer::last_headers() const {
  const std::lock_guard lock(mutex_);
  return last_headers_;
}

void TlsServer::Serve(int socket) {
  ++connections_;
  SSL* ssl = SSL_new(context_);
  SSL_set_fd(ssl, socket);
  if (SSL_accept(ssl) == 1) {
    if (options_.speaks == Speaks::kDot) {
      ServeDot(ssl);
    } else {
      ServeDoh(ssl);
    }
    SSL_shutdown(ssl);
  }
  SSL_free(ssl);
  ::shutdown(socket, SHUT_RDWR);
  ++ended_;
}

void TlsServer::ServeDot(SSL* ssl) {
  std::vector<std::string> held;
  int taken = 0;
  for (int replies = 0; options_.close_after == 0 || replies < options_.close_after;) {
    std::string length, query;
    if (!ReadExactly(ssl, &length, 2)) return;
    const std::size_t size = static_cast<std::uint8_t>(length[0]) << 8 | static_cast<std::uint8_t>(length[1]);
    if (!ReadExactly(ssl, &query, size)) return;
    ++requests_;
    if (++taken == options_.cut_at) return;
    if (options_.silent) continue;
    held.push_back(handler_(query));
    if (options_.reverse_pairs && held.size() < 2) continue;
    std::ranges::reverse(held);
    for (const std::string& reply : held) {
      if (!WriteFrame(ssl, reply)) return;
      ++replies;
    }
    held.clear();
  }
}

// One HTTP/2 connection.
class DohSession {
 public:
  explicit DohSession(TlsServer& server) : server_(server) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
          std::string& headers = static_cast<DohSession*>(self)->streams_[frame->hd.stream_id].headers;
          headers.append(reinterpret_cast<const char*>(name), name_size).append(": ");
          headers.append(reinterpret_cast<const char*>(value), value_size).append("\n");
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data, std::size_t size,
                      void* self) {
          static_cast<DohSession*>(self)->streams_[stream].query.append(reinterpret_cast<const char*>(data), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          const bool request = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
          if (request && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            static_cast<DohSession*>(self)->Respond(frame->hd.stream_id);
          }
          return 0;
        });
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~DohSession() { nghttp2_session_del(session_); }

  void Run(SSL* ssl) {
    for (;;) {
      const std::uint8_t* data = nullptr;
      while (true) {
        const ssize_t size = nghttp2_session_mem_send(session_, &data);
        if (size <= 0) break;
        if (SSL_write(ssl, data, static_cast<int>(size)) <= 0) return;
      }
      if (server_.options_.close_after != 0 && replies_ >= server_.options_.close_after) return;
      std::uint8_t buffer[8192];
      const int got = SSL_read(ssl, buffer, sizeof(buffer));
      if (got <= 0 || nghttp2_session_mem_recv(session_, buffer, static_cast<std::size_t>(got)) != got) return;
    }
  }

 private:
  struct StreamState {
    std::string headers, query, reply;
    std::size_t sent = 0;
  };
  void Respond(std::int32_t stream) {
    ++server_.requests_;
    StreamState& state = streams_[stream];
    {
      const std::lock_guard lock(server_.mutex_);
      server_.last_headers_ = state.headers;
    }
    if (server_.options_.silent) return;
    state.reply = server_.handler_(state.query);
    const auto pair = [](const char* name, const std::string& value) {
      return nghttp2_nv{reinterpret_cast<std::uint8_t*>(const_cast<char*>(name)),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), std::strlen(name), value.size(),
                        NGHTTP2_NV_FLAG_NONE};
    };
    const nghttp2_nv headers[] = {pair(":status", server_.options_.status),
                                  pair("content-type", server_.options_.content_type)};
    nghttp2_data_provider body{};
    body.read_callback = [](nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                            std::uint32_t* flags, nghttp2_data_source*, void* self) -> ssize_t {
      StreamState& from = static_cast<DohSession*>(self)->streams_[id];
      const std::size_t part = std::min(size, from.reply.size() - from.sent);
      std::memcpy(buffer, from.reply.data() + from.sent, part);
      from.sent += part;
      if (from.sent == from.reply.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(part);
    };
    nghttp2_submit_response(session_, stream, headers, 2, &body);
    ++replies_;
  }

  TlsServer& server_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, StreamState> streams_;
  int replies_ = 0;
};

void TlsServer::ServeDoh(SSL* ssl) { DohSession(*this).Run(ssl); }

}  // namespace upstream
