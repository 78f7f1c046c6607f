// Counting over hosts, explored exhaustively: every order of what requests,
// workers, connections and Redis can do, and what goes wrong in between.

#include "model_arena.h"

#include "unit.h"

#include "model_look.h"
#include "model_steps.h"

#include <algorithm>
#include <chrono>
#include <unordered_set>

using namespace unit;

namespace {

const char *name_of(Act act)
{
    static const char *const names[] = {"reserve", "leave", "settle",
        "settle cheaper", "give back", "carry out", "deliver", "lose", "die",
        "host dies", "fail over", "late", "late lost", "keep house"};

    return names[size_t(act)];
}

class Explorer {
public:
    explicit Explorer(const Setup &setup)
    {
        arena::clear();
        arena::enter();
        world_ = new World(setup);
        arena::leave();
    }

    // Null, or what is wrong; then path() says how it comes to that.
    const char *explore()
    {
        // Deeper than any path is long, so that the stack is bounded.
        if (path_.size() > 200) {
            return "there is no end to it";
        }
        if (!enter_state()) {
            return nullptr;
        }
        if (const char *wrong = check()) {
            return wrong;
        }

        std::vector<Step> steps;
        arena::Snapshot before;

        world_->steps(steps);

        for (Step step : steps) {
            int sends = 0;

            if (const char *wrong = follow(step, before, sends)) {
                return wrong;
            }
            if (const char *wrong = follow_crashes(step, before, sends)) {
                return wrong;
            }
        }
        return nullptr;
    }

    size_t states() const { return seen_.size(); }

    std::string path() const
    {
        std::string out;

        for (const Step &step : path_) {
            out += std::string("\n  ") + name_of(step.act) + " "
                + std::to_string(step.of) + ", variant "
                + std::to_string(step.variant) + ", crash "
                + std::to_string(step.crash);
        }
        return out;
    }

    Explorer(const Explorer &) = delete;
    void operator=(const Explorer &) = delete;

private:
    struct Key {
        uint64_t a, b;

        bool operator==(const Key &other) const
        {
            return a == other.a && b == other.b;
        }
    };
    struct KeyHash {
        size_t operator()(const Key &key) const { return key.a; }
    };

    const char *follow(const Step &step, const arena::Snapshot &before,
        int &sends)
    {
        path_.push_back(step);
        arena::enter();
        sends = world_->apply(step);
        arena::leave();

        const char *wrong = explore();

        if (wrong) {
            return wrong;
        }
        path_.pop_back();
        before.restore();
        return nullptr;
    }

    // The same step, by a worker that dies in the middle of it.
    const char *follow_crashes(Step step, const arena::Snapshot &before,
        int sends)
    {
        int none;

        if (!world_->setup.deaths
            || (step.act >= Act::carry_out && step.act != Act::deliver
                && step.act != Act::keep_house && step.act != Act::lose))
        {
            return nullptr;
        }
        for (step.crash = 1; step.crash <= 2 * sends; step.crash++) {
            if (const char *wrong = follow(step, before, none)) {
                return wrong;
            }
        }
        if (step.act == Act::settle || step.act == Act::settle_cheaper) {
            step.crash = -1;
            return follow(step, before, none);
        }
        return nullptr;
    }

    // False: it was here before.
    bool enter_state()
    {
        text_.clear();
        world_->encode(text_);

        Key key = {0xcbf29ce484222325, 0x84222325cbf29ce4};

        for (char c : text_) {
            key.a = (key.a ^ uint8_t(c)) * 0x100000001b3;
            key.b = (key.b + uint8_t(c) + 1) * 0x9e3779b97f4a7c15;
            key.b ^= key.b >> 29;
        }
        return seen_.insert(key).second;
    }

    const char *check()
    {
        if (const char *wrong = world_->check()) {
            return wrong;
        }
        if (!world_->all_over()) {
            return nullptr;
        }

        arena::Snapshot before;

        arena::enter();
        world_->settle_down();
        arena::leave();

        const char *wrong = world_->check();

        wrong = wrong ? wrong : world_->check_at_rest();
        before.restore();
        return wrong;
    }

    World                            *world_;
    std::unordered_set<Key, KeyHash>  seen_;
    std::vector<Step>                 path_;
    std::string                       text_;
};

// On which workers the requests are, up to which worker is which. 0 and 1 are
// on one host, 2 and 3 on the other.
using Places = std::vector<std::vector<int>>;
const Places everywhere = {{0, 0, 0}, {0, 0, 1}, {0, 0, 2}, {0, 1, 2}};
const Places two_workers = {{0, 0, 2}};
const Places three_workers = {{0, 1, 2}};

// Takes minutes.
bool is_deep()
{
    const char *model = std::getenv("L402_MODEL");

    return model && std::string(model) == "deep";
}

void explore(const char *name, Setup setup, const Places &given = everywhere)
{
    size_t states = 0;
    auto start = std::chrono::steady_clock::now();

    for (const std::vector<int> &place : is_deep() ? everywhere : given) {
        std::copy(place.begin(), place.end(), setup.worker_of);

        Explorer explorer(setup);
        const char *wrong = explorer.explore();

        if (wrong) {
            fail_msg("%s, requests at workers %d %d %d: %s%s", name, place[0],
                place[1], place[2], wrong, explorer.path().c_str());
        }
        assert_true(arena::are_gaps_clean());
        states += explorer.states();
    }

    std::chrono::duration<double> took = std::chrono::steady_clock::now()
        - start;

    if (states) {
        print_message("# %s: %zu states, %.1f s\n", name, states,
            took.count());
    }
}

void nothing_goes_wrong(void **)
{
    for (int uses : {1, 2, 3}) {
        Setup setup;

        setup.uses = uses;
        explore("nothing goes wrong", setup);
        setup.is_metered = true;
        explore("nothing goes wrong, metered", setup);
    }
}

void a_worker_dies(void **)
{
    Setup setup;

    setup.deaths = 1;
    explore("a worker dies", setup, {{0, 0, 2}, {0, 1, 2}});
    setup.is_metered = true;
    explore("a worker dies, metered", setup, two_workers);

    if (is_deep()) {
        setup.is_metered = false;
        setup.deaths = 2;
        explore("two workers die", setup);
    }
}

void a_connection_is_lost(void **)
{
    Setup setup;

    setup.losses = 1;
    explore("a connection is lost", setup);
    setup.is_metered = true;
    explore("a connection is lost, metered", setup, three_workers);

    if (is_deep()) {
        setup.is_metered = false;
        setup.losses = 2;
        explore("two connections are lost", setup);
        setup.losses = 1;
        setup.deaths = 1;
        explore("a connection is lost, and a worker dies", setup);
    }
}

void a_host_dies(void **)
{
    Setup setup;

    setup.host_deaths = 1;
    explore("a host dies", setup);
    setup.losses = 1;
    explore("a host dies, and a connection is lost", setup, {});
}

// What the master had not passed on is lost, and no more than that.
void redis_fails_over(void **)
{
    Setup setup;

    setup.failovers = 1;
    explore("failover", setup, three_workers);
}

// With WAIT nothing is.
void redis_fails_over_to_a_replica_that_was_asked(void **)
{
    Setup setup;

    setup.has_replicas = true;
    setup.failovers = 1;
    setup.slow = 1;
    explore("failover, WAIT", setup, {{0, 0, 2}, {0, 1, 2}});
    setup.slow = 2;
    explore("failover, WAIT, two slow answers", setup, {});
    setup.slow = 1;
    setup.is_metered = true;
    explore("failover, WAIT, metered", setup, {});
    setup.is_metered = false;
    setup.losses = 1;
    explore("failover, WAIT, a connection is lost", setup, {});
    setup.losses = 0;
    setup.deaths = 1;
    explore("failover, WAIT, a worker dies", setup, {});
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_wrong),
        cmocka_unit_test(a_worker_dies),
        cmocka_unit_test(a_connection_is_lost),
        cmocka_unit_test(a_host_dies),
        cmocka_unit_test(redis_fails_over),
        cmocka_unit_test(redis_fails_over_to_a_replica_that_was_asked),
    };

    // Before there is an arena.
    (void) reserve_script();
    (void) give_back_script();
    (void) settle_script();
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
