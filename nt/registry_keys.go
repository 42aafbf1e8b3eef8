package nt

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// What the machine is called, and its user.
const (
	ComputerName = "PAGEWALK"
	UserName     = "user"
)

// initialRegistry is what a machine's registry holds when it is switched on: what programs and system DLLs look at. A line that
// begins with \ is a key below \REGISTRY; "volatile" behind it says that it is made anew at each start, "→" where it leads as a
// symbolic link. The lines below it are values, name=type:data, of type sz where none is said; | parts the strings of a multi.
const initialRegistry = `
\MACHINE\HARDWARE volatile
\MACHINE\HARDWARE\DESCRIPTION volatile
\MACHINE\HARDWARE\DESCRIPTION\System volatile
	Identifier=AT/AT COMPATIBLE
\MACHINE\HARDWARE\DESCRIPTION\System\CentralProcessor volatile
\MACHINE\HARDWARE\DESCRIPTION\System\CentralProcessor\0 volatile
	Identifier={processor}
	ProcessorNameString={brand}
	VendorIdentifier={vendor}
	~MHz=dword:1000
\MACHINE\HARDWARE\DEVICEMAP volatile
\MACHINE\HARDWARE\RESOURCEMAP volatile
\MACHINE\SAM
\MACHINE\SECURITY
\MACHINE\SOFTWARE\Classes
\MACHINE\SOFTWARE\Clients
\MACHINE\SOFTWARE\Microsoft\Cryptography
	MachineGuid=70616765-7761-6c6b-8000-000000000001
\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion
	CommonFilesDir=C:\Program Files\Common Files
	CommonW6432Dir=C:\Program Files\Common Files
	DevicePath=expand:%SystemRoot%\inf
	ProgramFilesDir=C:\Program Files
	ProgramFilesPath=expand:%ProgramFiles%
	ProgramW6432Dir=C:\Program Files
\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths
\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders
	Common AppData=C:\ProgramData
\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders
	Common AppData=expand:%ProgramData%
\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System
\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Run
\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\SideBySide
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion
	SystemRoot=C:\Windows
	PathName=C:\Windows
	ProductName=Windows 10 Pro
	EditionID=Professional
	InstallationType=Client
	CurrentVersion=6.3
	CurrentMajorVersionNumber=dword:{major}
	CurrentMinorVersionNumber=dword:{minor}
	CurrentBuild={build}
	CurrentBuildNumber={build}
	CurrentType=Uniprocessor Free
	DisplayVersion=22H2
	ReleaseId=2009
	UBR=dword:0
	RegisteredOwner={user}
	RegisteredOrganization=
	SoftwareType=System
	InstallDate=dword:1767225600
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\AeDebug
	Auto=0
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\AppCompatFlags
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Compatibility32
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Fonts
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\IniFileMapping
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Perflib\009
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList
	Default=expand:%SystemDrive%\Users\Default
	ProfilesDirectory=expand:%SystemDrive%\Users
	ProgramData=expand:%SystemDrive%\ProgramData
	Public=expand:%SystemDrive%\Users\Public
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\{sid}
	ProfileImagePath=expand:C:\Users\{user}
	Sid=hex:{sidhex}
	Flags=dword:0
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\UTC
	Display=(UTC) Coordinated Universal Time
	Dlt=Coordinated Universal Time
	Std=Coordinated Universal Time
	MUI_Display=@tzres.dll,-930
	MUI_Dlt=@tzres.dll,-931
	MUI_Std=@tzres.dll,-932
	TZI=hex:0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows
	AppInit_DLLs=
	LoadAppInit_DLLs=dword:0
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon
\MACHINE\SOFTWARE\Policies
\MACHINE\SOFTWARE\Wow6432Node
\MACHINE\SYSTEM\ControlSet001\Control\ComputerName\ComputerName
	ComputerName={computer}
\MACHINE\SYSTEM\ControlSet001\Control\ComputerName\ActiveComputerName volatile
	ComputerName={computer}
\MACHINE\SYSTEM\ControlSet001\Control\FileSystem
	LongPathsEnabled=dword:0
	NtfsDisable8dot3NameCreation=dword:1
\MACHINE\SYSTEM\ControlSet001\Control\Keyboard Layouts\00000409
	Layout File=KBDUS.DLL
	Layout Text=US
\MACHINE\SYSTEM\ControlSet001\Control\Lsa
\MACHINE\SYSTEM\ControlSet001\Control\Nls\CodePage
	ACP=1252
	OEMCP=437
	MACCP=10000
	OEMHAL=vgaoem.fon
	437=c_437.nls
	850=c_850.nls
	932=c_932.nls
	936=c_936.nls
	949=c_949.nls
	950=c_950.nls
	1250=c_1250.nls
	1251=c_1251.nls
	1252=c_1252.nls
	1253=c_1253.nls
	1254=c_1254.nls
	1255=c_1255.nls
	1256=c_1256.nls
	1257=c_1257.nls
	1258=c_1258.nls
	10000=c_10000.nls
	20127=c_20127.nls
	28591=c_28591.nls
\MACHINE\SYSTEM\ControlSet001\Control\Nls\CustomLocale
\MACHINE\SYSTEM\ControlSet001\Control\Nls\ExtendedLocale
\MACHINE\SYSTEM\ControlSet001\Control\Nls\Language
	Default=0409
	InstallLanguage=0409
	0409=l_intl.nls
\MACHINE\SYSTEM\ControlSet001\Control\Nls\Language Groups
	1=1
\MACHINE\SYSTEM\ControlSet001\Control\Nls\Locale
	=00000409
	00000409=1
\MACHINE\SYSTEM\ControlSet001\Control\Nls\Locale\Alternate Sorts
\MACHINE\SYSTEM\ControlSet001\Control\Nls\MUI\UILanguages\en-US
	LCID=dword:1033
	Type=dword:274
\MACHINE\SYSTEM\ControlSet001\Control\Nls\Sorting\Versions
\MACHINE\SYSTEM\ControlSet001\Control\ProductOptions
	ProductType=WinNT
	ProductSuite=multi:Terminal Server
\MACHINE\SYSTEM\ControlSet001\Control\SafeBoot
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager
	CriticalSectionTimeout=dword:2592000
	GlobalFlag=dword:0
	HeapDeCommitFreeBlockThreshold=dword:0
	HeapDeCommitTotalFreeThreshold=dword:0
	HeapSegmentCommit=dword:0
	HeapSegmentReserve=dword:0
	ObjectDirectories=multi:\Windows|\RPC Control
	ProtectionMode=dword:1
	ResourceTimeoutCount=dword:648000
	SafeDllSearchMode=dword:1
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager\DOS Devices
	AUX=\DosDevices\COM1
	NUL=\Device\Null
	PIPE=\Device\NamedPipe
	PRN=\DosDevices\LPT1
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager\Environment
	ComSpec=expand:%SystemRoot%\System32\cmd.exe
	NUMBER_OF_PROCESSORS=1
	OS=Windows_NT
	Path=expand:%SystemRoot%\System32;%SystemRoot%
	PATHEXT=.COM;.EXE;.BAT;.CMD
	PROCESSOR_ARCHITECTURE=AMD64
	PROCESSOR_IDENTIFIER={processor}, {vendor}
	TEMP=expand:%SystemRoot%\TEMP
	TMP=expand:%SystemRoot%\TEMP
	windir=expand:%SystemRoot%
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager\Executive
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager\kernel
	obcaseinsensitive=dword:1
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager\KnownDLLs
	DllDirectory=expand:%SystemRoot%\System32
	{known}
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager\Memory Management
	ClearPageFileAtShutdown=dword:0
	DisablePagingExecutive=dword:0
	LargeSystemCache=dword:0
	NonPagedPoolQuota=dword:0
	PagedPoolQuota=dword:0
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager\Power
\MACHINE\SYSTEM\ControlSet001\Control\Session Manager\SubSystems
\MACHINE\SYSTEM\ControlSet001\Control\Terminal Server
	TSAppCompat=dword:0
\MACHINE\SYSTEM\ControlSet001\Control\TimeZoneInformation
	TimeZoneKeyName=UTC
	Bias=dword:0
	ActiveTimeBias=dword:0
	StandardBias=dword:0
	StandardName=@tzres.dll,-932
	StandardStart=hex:00000000000000000000000000000000
	DaylightBias=dword:0
	DaylightName=@tzres.dll,-931
	DaylightStart=hex:00000000000000000000000000000000
	DynamicDaylightTimeDisabled=dword:0
\MACHINE\SYSTEM\ControlSet001\Control\Windows
	Directory=expand:%SystemRoot%
	SystemDirectory=expand:%SystemRoot%\System32
	CSDVersion=dword:0
	ErrorMode=dword:0
\MACHINE\SYSTEM\ControlSet001\Enum
\MACHINE\SYSTEM\ControlSet001\Hardware Profiles\0001
\MACHINE\SYSTEM\ControlSet001\Hardware Profiles\Current → \REGISTRY\MACHINE\SYSTEM\ControlSet001\Hardware Profiles\0001
\MACHINE\SYSTEM\ControlSet001\Services\EventLog\Application
\MACHINE\SYSTEM\ControlSet001\Services\Tcpip\Parameters
	Hostname={computer}
	NV Hostname={computer}
	Domain=
\MACHINE\SYSTEM\ControlSet001\Services\WinSock2\Parameters
\MACHINE\SYSTEM\CurrentControlSet volatile → \REGISTRY\MACHINE\SYSTEM\ControlSet001
\MACHINE\SYSTEM\MountedDevices
\MACHINE\SYSTEM\Select
	Current=dword:1
	Default=dword:1
	Failed=dword:0
	LastKnownGood=dword:1
\MACHINE\SYSTEM\Setup
	CmdLine=
	SetupType=dword:0
	SystemSetupInProgress=dword:0
\USER\.DEFAULT\Control Panel\International
	Locale=00000409
	LocaleName=en-US
\USER\.DEFAULT\Environment
	TEMP=expand:%USERPROFILE%\AppData\Local\Temp
	TMP=expand:%USERPROFILE%\AppData\Local\Temp
\USER\.DEFAULT\Software\Microsoft
\USER\S-1-5-18 volatile → \REGISTRY\USER\.DEFAULT
\USER\{sid}\Console
\USER\{sid}\Control Panel\Desktop\MuiCached
	MachinePreferredUILanguages=multi:en-US
\USER\{sid}\Control Panel\International
	Locale=00000409
	LocaleName=en-US
	NumShape=1
	iCalendarType=1
	iCountry=1
	iCurrDigits=2
	iCurrency=0
	iDate=0
	iDigits=2
	iFirstDayOfWeek=6
	iFirstWeekOfYear=0
	iLZero=1
	iMeasure=1
	iNegCurr=0
	iNegNumber=1
	iPaperSize=1
	iTLZero=0
	iTime=0
	iTimePrefix=0
	s1159=AM
	s2359=PM
	sCountry=United States
	sCurrency=$
	sDate=/
	sDecimal=.
	sGrouping=3;0
	sLanguage=ENU
	sList=,
	sLongDate=dddd, MMMM d, yyyy
	sMonDecimalSep=.
	sMonGrouping=3;0
	sMonThousandSep=,
	sNativeDigits=0123456789
	sNegativeSign=-
	sPositiveSign=
	sShortDate=M/d/yyyy
	sShortTime=h:mm tt
	sThousand=,
	sTime=:
	sTimeFormat=h:mm:ss tt
	sYearMonth=MMMM yyyy
\USER\{sid}\Control Panel\International\Geo
	Name=US
	Nation=244
\USER\{sid}\Environment
	TEMP=expand:%USERPROFILE%\AppData\Local\Temp
	TMP=expand:%USERPROFILE%\AppData\Local\Temp
\USER\{sid}\Keyboard Layout\Preload
	1=00000409
\USER\{sid}\Software\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders
	AppData=C:\Users\{user}\AppData\Roaming
	Local AppData=C:\Users\{user}\AppData\Local
	Personal=C:\Users\{user}\Documents
\USER\{sid}\Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders
	AppData=expand:%USERPROFILE%\AppData\Roaming
	Local AppData=expand:%USERPROFILE%\AppData\Local
	Personal=expand:%USERPROFILE%\Documents
\USER\{sid}\Software\Microsoft\Windows NT\CurrentVersion
\USER\{sid}\Volatile Environment volatile
	APPDATA=C:\Users\{user}\AppData\Roaming
	HOMEDRIVE=C:
	HOMEPATH=\Users\{user}
	LOCALAPPDATA=C:\Users\{user}\AppData\Local
	LOGONSERVER=\\{computer}
	USERDOMAIN={computer}
	USERNAME={user}
	USERPROFILE=C:\Users\{user}
\USER\{sid}_Classes
\USER\{sid}\Software\Classes volatile → \REGISTRY\USER\{sid}_Classes
`

// fill makes what initialRegistry says; with volatileOnly, what of it a file does not keep. It panics where the text is wrong.
func (r *registry) fill(s *System, volatileOnly bool) {
	c := s.cpu.Identity()
	initial := initialRegistry
	if s.wine() {
		initial += wineRegistry
	}
	text := strings.NewReplacer(
		"{processor}", fmt.Sprintf("Intel64 Family %d Model %d Stepping %d", c.Family, c.Model, c.Stepping),
		"{brand}", c.Brand, "{vendor}", c.Vendor, "{computer}", ComputerName, "{user}", UserName, "{sid}", userSID.String(),
		"{sidhex}", hex.EncodeToString(userSID.Bytes()), "{build}", strconv.Itoa(osBuild), "{major}", strconv.Itoa(osMajor),
		"{minor}", strconv.Itoa(osMinor), "\t{known}\n", knownDllValues(),
	).Replace(initial)
	for _, name := range []string{"MACHINE", "USER"} {
		r.ensure(r.root, name).master = true
	}
	var k *key // that values go to; nil: they are in the file
	for _, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, `\`); ok {
			rest, to, link := strings.Cut(rest, " → ")
			rest, volatile := strings.CutSuffix(rest, " volatile")
			if k = nil; volatileOnly && !volatile {
				continue
			}
			k = r.root
			for _, name := range strings.Split(rest, `\`) {
				k = r.ensure(k, name)
			}
			k.volatile, k.link = volatile, link
			if link {
				r.set(k, symbolicLinkValue, REG_LINK, EncodeUTF16(to))
			}
		} else if line != "" && k != nil {
			name, text, _ := strings.Cut(line[1:], "=")
			typ, data := parseValue(text)
			r.set(k, name, typ, data)
		}
	}
	r.now = s.SystemTime
}

// ensure returns a subkey, which it makes where it is not there. It follows no link.
func (r *registry) ensure(k *key, name string) *key {
	if c := k.child(name); c != nil {
		return c
	}
	c, st := r.add(k, name, "", k.volatile, false)
	if !st.IsSuccess() {
		panic("nt: registry: cannot make " + name + " in " + k.path())
	}
	return c
}

// parseValue reads the text of a value of initialRegistry.
func parseValue(text string) (uint32, []byte) {
	kind, rest, ok := strings.Cut(text, ":")
	switch {
	case ok && kind == "dword":
		n, err := strconv.ParseUint(rest, 0, 32)
		if err != nil {
			panic(err)
		}
		return REG_DWORD, binary.LittleEndian.AppendUint32(nil, uint32(n))
	case ok && kind == "hex":
		b, err := hex.DecodeString(rest)
		if err != nil {
			panic(err)
		}
		return REG_BINARY, b
	case ok && kind == "expand":
		return REG_EXPAND_SZ, EncodeUTF16(rest + "\x00")
	case ok && kind == "multi":
		return REG_MULTI_SZ, EncodeUTF16(strings.ReplaceAll(rest, "|", "\x00") + "\x00\x00")
	}
	return REG_SZ, EncodeUTF16(text + "\x00")
}
