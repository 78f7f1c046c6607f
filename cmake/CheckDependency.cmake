# l402_dependency(<name> <header> <library> <Debian package>)
#
# Sets <name>_INCLUDE and <name>_LIBRARY, or stops with the package's name.
# An empty <library> is for libraries that are headers alone.
function(l402_dependency name header library package)
    find_path(${name}_INCLUDE ${header})
    set(found ${${name}_INCLUDE})

    if(found AND NOT library STREQUAL "")
        find_library(${name}_LIBRARY ${library})
        set(found ${${name}_LIBRARY})
    endif()

    if(NOT found)
        message(FATAL_ERROR "${header} is missing: install the Debian package "
            "${package}")
    endif()
endfunction()
