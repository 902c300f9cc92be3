// SPDX-License-Identifier: Apache-2.0
// The reader of hellos against OpenSSL: what its client sends is read as it was asked to, and what its server reads
// from a hello that was changed in one byte is what this reader reads, or neither takes it.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "gate/l7/client_hello.h"

namespace gate::l7 {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Context = std::unique_ptr<SSL_CTX, Free>;
using Ssl = std::unique_ptr<SSL, Free>;

std::string ClientBytes(const char* name, const std::string& protocols, int minimum, int maximum, bool padded) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  if (padded) SSL_CTX_set_options(context.get(), SSL_OP_TLSEXT_PADDING);
  const Ssl ssl(SSL_new(context.get()));
  SSL_set_min_proto_version(ssl.get(), minimum);
  SSL_set_max_proto_version(ssl.get(), maximum);
  if (name != nullptr) SSL_set_tlsext_host_name(ssl.get(), name);
  if (!protocols.empty()) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protocols.data()), protocols.size());
  }
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(ssl.get()), &data);
  return {data, static_cast<std::size_t>(size)};
}

// What OpenSSL's server takes as the name: only when it gets past its own reading of the extension.
struct ServerView {
  bool parsed = false;
  std::optional<std::string> name;
};

int OnName(SSL* ssl, int*, void* argument) {
  auto* view = static_cast<ServerView*>(argument);
  view->parsed = true;
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) view->name = name;
  return SSL_TLSEXT_ERR_ALERT_FATAL;  // far enough
}

ServerView ServerReads(const std::string& bytes) {
  static const Context context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  ServerView view;
  SSL_CTX_set_tlsext_servername_callback(context.get(), OnName);
  SSL_CTX_set_tlsext_servername_arg(context.get(), &view);
  const Ssl ssl(SSL_new(context.get()));
  SSL_set_bio(ssl.get(), BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl.get());
  SSL_do_handshake(ssl.get());
  return view;
}

HelloReader::State Read(HelloReader& reader, std::string_view bytes) {
  return reader.Feed({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

TEST(ClientHelloAgainstOpenSsl, WhatItsClientAsksForIsRead) {
  std::string long_name(63, 'a');
  long_name += ".example";
  for (const char* name : {static_cast<const char*>(nullptr), "a.example", "A.Example", "x", long_name.c_str()}) {
    for (const std::string& protocols :
         {std::string(), std::string("\x02h2\x08http/1.1", 12), std::string("\x08http/1.1", 9)}) {
      for (const int maximum : {TLS1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const bool padded : {false, true}) {
          HelloReader reader;
          ASSERT_EQ(Read(reader, ClientBytes(name, protocols, TLS1_VERSION, maximum, padded)),
                    HelloReader::State::kDone);
          EXPECT_EQ(reader.hello().has_name, name != nullptr);
          EXPECT_EQ(reader.hello().name, name != nullptr ? name : "");
          const std::string first =
              protocols.empty() ? "" : protocols.substr(1, static_cast<std::size_t>(protocols[0]));
          EXPECT_EQ(reader.hello().alpn, first);
          EXPECT_EQ(reader.hello().irregular, nullptr) << reader.hello().irregular;
          EXPECT_FALSE(reader.hello().encrypted);
        }
      }
    }
  }
}

// A server must never see another name than the one that was judged.
TEST(ClientHelloAgainstOpenSsl, NoChangedByteShowsItsServerAnotherName) {
  const std::string good =
      ClientBytes("granted.example", std::string("\x02h2", 3), TLS1_2_VERSION, TLS1_3_VERSION, false);
  ASSERT_EQ(ServerReads(good).name, "granted.example");
  std::size_t compared = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int change : {0x01, 0x04, 0x20, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ change);
      const ServerView server = ServerReads(bad);
      if (!server.name) continue;
      HelloReader reader;
      if (Read(reader, bad) != HelloReader::State::kDone || reader.hello().irregular != nullptr) continue;
      EXPECT_EQ(reader.hello().name, *server.name) << "byte " << i << " change " << change;
      ++compared;
    }
  }
  EXPECT_GT(compared, good.size());
}

TEST(ClientHelloAgainstOpenSsl, ItsHelloOverManyRecordsIsReadLikeByItsServer) {
  const std::string whole = ClientBytes("granted.example", "", TLS1_2_VERSION, TLS1_3_VERSION, true);
  for (const std::size_t piece : {1u, 3u, 50u, 200u}) {
    std::string bytes;
    for (std::size_t at = 5; at < whole.size(); at += piece) {
      const std::string part = whole.substr(at, piece);
      bytes += whole.substr(0, 3) + static_cast<char>(part.size() >> 8) + static_cast<char>(part.size()) + part;
    }
    HelloReader reader;
    ASSERT_EQ(Read(reader, bytes), HelloReader::State::kDone) << piece;
    EXPECT_EQ(reader.hello().name, "granted.example");
    const ServerView server = ServerReads(bytes);
    EXPECT_EQ(server.name.value_or("granted.example"), "granted.example");  // it need not take so many records
  }
}

}  // namespace
}  // namespace gate::l7
