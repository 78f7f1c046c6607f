# One executable for each t/unit/*_test.cpp, registered with ctest.
# libmacaroons, where it is installed, is an oracle for the tests.
find_path(MACAROONS_INCLUDE macaroons.h)
find_library(MACAROONS_LIBRARY macaroons)

file(GLOB test_sources CONFIGURE_DEPENDS t/unit/*_test.cpp)
if(L402_SANITIZE)
    # Runs itself under valgrind, which AddressSanitizer does not stand.
    list(FILTER test_sources EXCLUDE REGEX "constant_time_test")
endif()
add_custom_target(unit_tests)
if(TARGET l402ctl)
    # some run it
    add_dependencies(unit_tests l402ctl)
endif()

foreach(source ${test_sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                          ${CMAKE_CURRENT_BINARY_DIR}/unit)
    target_compile_definitions(${name} PRIVATE
        L402_VECTORS="${CMAKE_CURRENT_SOURCE_DIR}/t/vectors"
        L402_TESTDATA="${CMAKE_CURRENT_SOURCE_DIR}/t/unit")
    target_link_libraries(${name} PRIVATE l402_core ${CMOCKA_LIBRARY})
    if(MACAROONS_INCLUDE AND MACAROONS_LIBRARY)
        target_compile_definitions(${name} PRIVATE L402_HAVE_LIBMACAROONS)
        target_link_libraries(${name} PRIVATE ${MACAROONS_LIBRARY})
    endif()
    add_dependencies(unit_tests ${name})
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endforeach()
