// An l402_admin location, over HTTP.

#include "remote.h"

#include "l402/encoding.h"
#include "l402/url.h"

#include <curl/curl.h>

namespace l402::cli {

namespace {

constexpr long   timeout = 30;  // seconds, of one call
constexpr size_t max_answer = 16 << 20;
constexpr size_t page = 1000;

struct Answer {
    long        status = 0;
    std::string body;

    // What an error says; empty where it is none of l402_admin's.
    std::string reason() const
    {
        auto json = Json::parse(body, nullptr, false);

        return json.is_object() && json.count("reason")
                && json["reason"].is_string()
            ? json["reason"].get<std::string>() : "";
    }

    std::string title() const
    {
        auto json = Json::parse(body, nullptr, false);

        return json.is_object() && json.count("title")
                && json["title"].is_string()
            ? printable(json["title"].get<std::string>()) : "";
    }
};

size_t take_body(char *data, size_t, size_t size, void *to)
{
    auto &body = *static_cast<std::string *>(to);

    if (body.size() + size > max_answer) {
        return 0;
    }

    body.append(data, size);
    return size;
}

using Curl = std::unique_ptr<CURL, void (*)(CURL *)>;

class Admin final : public Remote {
public:
    explicit Admin(const RemoteOptions &options);

    bool revoke(const Revocation &revocation) override;
    bool unrevoke(const Revocation &revocation) override;
    void list(const std::function<void(const Revocation &)> &each) override;
    Json payment(const Hash &hash) override;

private:
    template <typename Value>
    void set(CURLoption option, Value value)
    {
        if (curl_easy_setopt(curl_.get(), option, value) != CURLE_OK) {
            throw Failure("libcurl cannot do what is asked of it");
        }
    }

    Answer call(const char *method, const std::string &path,
        const std::string &body = "");
    [[noreturn]] void refuse(const Answer &answer) const;

    Curl        curl_;
    ServiceUrl  url_;
    std::string shown_;
};

Admin::Admin(const RemoteOptions &options)
    : curl_(curl_easy_init(), curl_easy_cleanup),
      shown_(printable(*options.admin))
{
    std::string error;

    if (curl_ == nullptr) {
        throw Failure("libcurl cannot be initialised");
    }

    if (!parse_service_url(*options.admin, url_, error)) {
        throw Failure("--admin: " + printable(error));
    }

    if (options.user_file) {
        std::string user = read_secret_line(*options.user_file);

        set(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        set(CURLOPT_USERPWD, user.c_str());
        wipe(user.data(), user.size());
    }

    if (options.ca_file) {
        set(CURLOPT_CAINFO, options.ca_file->c_str());
    }

    if (!url_.unix_socket.empty()) {
        set(CURLOPT_UNIX_SOCKET_PATH, url_.unix_socket.c_str());
    }

    set(CURLOPT_PROXY, "");  // the environment's is not for this
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TIMEOUT, timeout);
    set(CURLOPT_WRITEFUNCTION, take_body);
}

Answer Admin::call(const char *method, const std::string &path,
    const std::string &body)
{
    Answer      answer;
    char        error[CURL_ERROR_SIZE] = "";
    std::string url = url_.join("/" + path);
    auto        json = curl_slist_append(nullptr,
               "Content-Type: application/json");

    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_ERRORBUFFER, error);
    set(CURLOPT_WRITEDATA, &answer.body);
    set(CURLOPT_CUSTOMREQUEST, method);

    if (!body.empty()) {
        set(CURLOPT_POSTFIELDSIZE, long(body.size()));
        set(CURLOPT_COPYPOSTFIELDS, body.c_str());
        set(CURLOPT_HTTPHEADER, json);
    }

    CURLcode rc = curl_easy_perform(curl_.get());

    curl_slist_free_all(json);

    if (rc != CURLE_OK) {
        throw Failure(shown_ + ": "
            + (error[0] ? printable(error) : curl_easy_strerror(rc)));
    }

    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
}

// It says no, or it is something else than l402_admin.
void Admin::refuse(const Answer &answer) const
{
    std::string text = shown_ + " answered " + std::to_string(answer.status);

    if (answer.status == 401 || answer.status == 403) {
        throw Refusal(text + ": you are not let in");
    }

    if (answer.reason().empty()) {
        throw Failure(text + ": it is no location with l402_admin");
    }

    text += ": " + answer.title();

    if (answer.status >= 500 && answer.status != 507) {
        throw Failure(text);
    }

    throw Refusal(text);
}

std::string path_of(const Revocation &revocation)
{
    return std::string("revocations/")
        + (revocation.subject == Subject::token ? "token/" : "payment/")
        + to_hex(revocation.id);
}

bool Admin::revoke(const Revocation &revocation)
{
    Json   body = {{"until", revocation.until ? Json(revocation.until)
                                              : Json(nullptr)}};
    Answer answer = call("PUT", path_of(revocation), body.dump());

    if (answer.status != 200 && answer.status != 201) {
        refuse(answer);
    }

    return answer.status == 201;
}

bool Admin::unrevoke(const Revocation &revocation)
{
    Answer answer = call("DELETE", path_of(revocation));

    if (answer.status == 204) {
        return true;
    }
    if (answer.status == 404 && answer.reason() == "not_revoked") {
        return false;
    }

    refuse(answer);
}

Revocation read_revocation(const Json &entry)
{
    Revocation  revocation;
    const char *name = entry.count("token_id") ? "token_id" : "payment_hash";

    revocation.subject = entry.count("token_id") ? Subject::token
                                                 : Subject::payment;
    revocation.id = parse_hash(entry.at(name).get<std::string>(), name);
    revocation.until = entry.at("until").is_null()
        ? 0 : entry.at("until").get<int64_t>();
    return revocation;
}

void Admin::list(const std::function<void(const Revocation &)> &each)
{
    std::string query = "?limit=" + std::to_string(page), next;

    do {
        Answer answer = call("GET", "revocations" + query
            + (next.empty() ? "" : "&after=" + next));

        if (answer.status != 200) {
            refuse(answer);
        }

        try {
            Json out = Json::parse(answer.body);

            for (const Json &entry : out.at("revocations")) {
                each(read_revocation(entry));
            }
            next = out.at("next").is_null()
                ? "" : out.at("next").get<std::string>();
        } catch (const Json::exception &) {
            throw Failure(shown_ + ": answered with no list of revocations");
        }
    } while (!next.empty());
}

Json Admin::payment(const Hash &hash)
{
    Answer answer = call("GET", "payments/" + to_hex(hash));

    if (answer.status == 404 && answer.reason() == "unknown_payment") {
        return nullptr;
    }
    if (answer.status != 200) {
        refuse(answer);
    }

    Json out = Json::parse(answer.body, nullptr, false);

    if (!out.is_object()) {
        throw Failure(shown_ + ": answered with nothing about a payment");
    }

    return out;
}

}  // namespace

std::unique_ptr<Remote> connect_admin(const RemoteOptions &options)
{
    return std::make_unique<Admin>(options);
}

}  // namespace l402::cli
