// Who gets which form of an answer.

#include <chrono>

#include "unit.h"

using namespace unit;

namespace {

void browsers_get_the_page_and_programs_json(void **)
{
    const std::pair<const char *, bool> cases[] = {
        // browsers
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            true},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
         "image/webp,image/apng,*/*;q=0.8,"
         "application/signed-exchange;v=b3;q=0.7", true},
        {"text/html, application/xhtml+xml, */*", true},
        {"text/html", true},
        {"TEXT/HTML", true},
        {"text/html;charset=utf-8", true},
        // programs
        {"", false},
        {"*/*", false},
        {"application/json", false},
        {"application/problem+json", false},
        {"application/json, text/plain, */*", false},
        {"application/json, text/html;q=0.5", false},
        {"text/plain", false},
        {"application/grpc", false},
        {"image/png", false},
        // q values
        {"text/html;q=0.5, application/json;q=0.4", true},
        {"text/html;q=0.5, application/json;q=0.51", false},
        {"text/html;q=0, */*", false},
        {"text/html;q=0", false},
        {"text/html;q=0.001", true},
        {"text/html;q=1.000, application/json;q=0.999", true},
        {"text/html;level=1;q=0.3, application/json;q=0.2", true},
        {"text/html ; Q=0.9 , application/json ; q=0.8", true},
        {"application/problem+json;q=0.9, application/json;q=0.1,"
         " text/html;q=0.5", false},
        // the closer range says, whichever stands first
        {"*/*, text/html;q=0.1", false},
        {"text/*, text/html;q=0", false},
        {"text/html, application/json;q=0", true},
        {"*/*;q=0.1, text/html", true},
        {"text/*", true},
        {"text/*;q=0.5, application/json", false},
        {"application/*", false},
        {"application/*;q=0.5, text/html;q=0.6", true},
        // ties: the one named more closely, then the one named first
        {"text/html, application/json", true},
        {"application/json, text/html", false},
        {"application/problem+json, text/html", false},
        {"text/html;q=0.5, application/json;q=0.5", true},
        {"text/html, application/*", true},
        {"application/json, text/*", false},
        {"text/*, application/*", false},
        {"application/json, */*", false},
        // garbage
        {"garbage", false},
        {"text/html;q=x", false},
        {"text/html;q=2", false},
        {"text/html;q=1.1", false},
        {"text/html;q=-1", false},
        {"text/html;q=", false},
        {"text/html;q=0.1234", false},
        {"text/html;q=.5", false},
        {"text/htmlx", false},
        {"text", false},
        {"/", false},
        {",,,;;;===", false},
        {"\"text/html\"", false},
        {"\"", false},
        {"\\", false},
        {"a;b=\"\\", false},
        {"a;b=\",text/html\"", false},
        {"a;b=\"\\\"\",text/html", true},
        {"text/html\xff", false},
    };

    for (const auto &k : cases) {
        std::string accept(k.first);
        std::vector<char> exact(accept.begin(), accept.end());

        if (l402::prefers_html({exact.data(), exact.size()}) != k.second) {
            fail_msg("wrong for \"%s\"", k.first);
        }
    }
}

void a_long_accept_takes_time_in_proportion(void **)
{
    for (const char *piece : {",", ";", "\"", "text/html;q=0.1,", "a;b=\"",
             "=", ";q=0,", "\\\""}) {
        std::string text;

        while (text.size() < 4000000) {
            text += piece;
        }

        auto start = std::chrono::steady_clock::now();
        (void) l402::prefers_html(text);
        std::chrono::duration<double> took = std::chrono::steady_clock::now()
            - start;

        // Quadratic would be days; linear is some ten milliseconds.
        assert_true(took.count() < 5);
    }
}

void grpc_is_told_by_its_content_type(void **)
{
    for (const char *yes : {"application/grpc", "application/grpc+proto",
             "application/grpc;charset=utf-8", "Application/GRPC",
             "application/grpc-web"}) {
        assert_true(l402::is_grpc(yes));
    }
    for (const char *no : {"", "application/json", "application/grp",
             "text/application/grpc", " application/grpc"}) {
        assert_false(l402::is_grpc(no));
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(browsers_get_the_page_and_programs_json),
        cmocka_unit_test(a_long_accept_takes_time_in_proportion),
        cmocka_unit_test(grpc_is_told_by_its_content_type),
    };

    return cmocka_run_group_tests_name("accept", tests, nullptr, nullptr);
}
